"""Priority minerals: every published yardstick side by side, for a country or for an alliance as one economy.

Inputs (`inputs`) -> arrays with what is uncertain drawn (`arrays`) -> methods (`registry`, one file each) -> ranking.
"""
