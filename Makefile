# make demo and make test work on a fresh clone; every environment they make is a git-ignored folder here.
.PHONY: demo test docs pythons fix bench prove-gates clean

demo:            ## set up an environment and run the main job on real input
	@"$$(scripts/find-python)" scripts/demo.py

test:            ## every gate, as CI runs them; one of them: bash .ci/run lint
	@bash .ci/run

docs:            ## build the site into site/, strictly
	@"$$(scripts/find-python)" scripts/build_docs.py

pythons:         ## optional, as root: Python 3.14 and 3.15 from Debian unstable for the tests, in .debian
	@scripts/debian-pythons

fix:             ## what ruff can mend by itself
	@"$$(scripts/find-python)" scripts/fix.py

bench:           ## every measurement against its peers, one table
	@"$$(scripts/find-python)" scripts/bench.py

prove-gates:     ## break a copy of the checkout in one way per gate and see that gate turn red
	@"$$(scripts/find-python)" scripts/prove_gates.py

clean:           ## remove environments and caches; .debian stays
	rm -rf .venv* build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
