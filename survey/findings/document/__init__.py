"""The findings document: computed once from publishable cells, and audited."""
