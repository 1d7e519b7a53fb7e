"""Where the supply of minerals breaks, how soon and how badly: what a planner would lose after doing her best."""
