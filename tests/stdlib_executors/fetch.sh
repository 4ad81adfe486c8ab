#!/bin/sh
# Unpacks CPython's own tests of executors from Debian's libpython3.11-testsuite into .debian/stdlib-tests, for Pythons
# that come without them. Needs apt-get with package lists (apt-get update), not root; nothing is installed.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
target=$here/.debian/stdlib-tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download libpython3.11-testsuite
dpkg -x libpython3.11-testsuite_*.deb unpacked
mkdir -p "$target"
mv unpacked/usr/lib/python3.11/test/test_concurrent_futures.py "$target/test_concurrent_futures.py"
