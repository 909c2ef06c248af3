//! What this engine does on this disk.
