"""The one page where an invitation meets a ballot, and the counting of both."""
