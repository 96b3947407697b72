"""How each gate is fitted to a policy."""

from __future__ import annotations

from il_core.registry import Registry

# gate -> `module:function`, called as fit(FitInputs) -> Fitting (il_loop.gate_fit); gates that are
# not named here have nothing to fit.
FITS = Registry(
    'gate to fit',
    {
        'dagger': 'il_loop.fits.iteration:fit',
        'ensemble_dagger': 'il_loop.fits.agreement:fit',
        'hg_dagger': 'il_loop.fits.doubt:fit',
        'novelty': 'il_loop.fits.novelty:fit',
        'thrifty_dagger': 'il_loop.fits.thrifty:fit',
        'safe_dagger': 'il_loop.fits.safety:fit',
        'lazy_dagger': 'il_loop.fits.safety:fit',
    },
)

# Those with one fit between them: what a first round of one settled holds for the other, too.
ALIKE = ('safe_dagger', 'lazy_dagger')

# Those whose first round settles a threshold by its alpha.
BY_ALPHA = (*ALIKE, 'ensemble_dagger')

# Those that ask on a share alpha of the states.
ASKING = (*BY_ALPHA, 'novelty', 'thrifty_dagger')

# Those that judge by how much the members of an ensemble disagree.
SPREAD = ('ensemble_dagger', 'novelty', 'thrifty_dagger')

# Those that call a human who is not always there.
CALLING = ('novelty', 'safe_dagger', 'lazy_dagger', 'thrifty_dagger')

# Those that learn from episodes of the fresh policy alone.
PROBED = ('thrifty_dagger',)
PROBES = 10  # so many, as in ThriftyDAgger's code
MOST_PROBES = 1000  # of a round
# Away from those of demonstrations, rounds and evaluations; apart for every round.
PROBE_SEEDS = 700_000


def probe_seeds(number: int, count: int) -> range:
    """Return the seeds of so many episodes alone in round `number`."""
    first = PROBE_SEEDS + MOST_PROBES * number
    return range(first, first + count)
