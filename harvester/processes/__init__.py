"""Several processes of one machine at one lake: a coordinator owns it, workers harvest stretches of it."""
