"""A lease: a key that one holder has for a time. The scripts of all who hold one, whether their client waits or awaits.

A lease only spares work. Whoever must not do something twice guards it by a compare-and-set of its own.
"""

TAKE = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""KEYS: the lease. ARGV: the holder, for how many ms. 1 where it is the holder's now, taken or renewed; 0: another has it."""

GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
"""KEYS: the lease. ARGV: the holder. Nobody else's lease ends by this."""
