"""Runs before the program that it is frozen with."""

from plait._engines.frozen_worker import begin

begin()
