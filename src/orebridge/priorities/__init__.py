"""Priority minerals: every published yardstick side by side, for a country or for an alliance as one economy.

Inputs (`inputs`) -> arrays with what is uncertain drawn (`arrays`) -> methods (`registry`, one file each) -> ranking.
The package is the verb as well (`verb.priorities`):

>>> from orebridge import priorities
>>> result = priorities(["USA", "JPN"], methods=["hhi"], draws=20)
>>> [ranking.subject.label for ranking in result.rankings]
['JPN', 'USA', 'JPN+USA as one']
>>> bool(result.rankings[0].table["rank"].iloc[0] == 1.0)
True
"""

from orebridge.calling import make_callable

make_callable(__name__, "orebridge.priorities.verb")
