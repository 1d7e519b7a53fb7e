"""Where the supply of minerals breaks, how soon and how badly: what a planner would lose after doing her best.

The package is the verb as well (`assess.vulnerabilities`):

>>> from orebridge import vulnerabilities
>>> found = vulnerabilities(["gallium"], months=12, length=6, only=["gallium/wafer:*"], plan_survival=False)
>>> worst = found.worst(1).iloc[0]
>>> worst["name"], bool(0 < worst["planned_usd"] <= worst["unaided_usd"])
('gallium/wafer:CHN', True)
"""

from orebridge.calling import make_callable

make_callable(__name__, "orebridge.vulnerabilities.assess")
