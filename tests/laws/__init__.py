"""Laws that hold in any world, tried on random small worlds and shocks, and on the bundled world."""
