//! What survives: see the sub-modules.
