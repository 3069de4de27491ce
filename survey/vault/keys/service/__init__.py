"""Use cases of this room: each public function is one, in one transaction."""
