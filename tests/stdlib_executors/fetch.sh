#!/bin/sh
# fetch.sh FOLDER: unpacks CPython's own tests of executors from Debian's libpython3.11-testsuite into FOLDER, for a
# Python that comes without them. Needs apt-get with package lists (apt-get update), not root; nothing is installed.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$1"
(cd "$work" && apt-get download libpython3.11-testsuite)
dpkg -x "$work"/*.deb "$work/unpacked"
mv "$work/unpacked/usr/lib/python3.11/test/test_concurrent_futures.py" "$1"
