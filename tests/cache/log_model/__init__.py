"""A model of the invalidation log, small enough to explore all of its states.

``tests/cache/model.py`` has the protocol without the log. Here processes follow the log, and a
``World`` says who takes part: writers that may crash, a relay, renderers, assemblers of a page from
a card, operators who purge, servers with a local cache, and accidents. Every operation on a store
is one step, and all orders of steps are tried. A ``Mutant`` breaks one rule of the design.

An actor is a step: a function and its arguments. It returns all states that the step may lead to,
each with the next step of the actor. The steps repeat ``protocol/``, ``regions/`` and
``invalidation/``, operation by operation. Change the protocol here first.
"""
