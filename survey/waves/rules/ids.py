"""What surveys and waves are known by: never to be mixed up with each other, nor with a name."""

from typing import NewType

SurveyId = NewType("SurveyId", str)
SurveySlug = NewType("SurveySlug", str)  # as it stands in addresses: `it-support`
WaveId = NewType("WaveId", str)
WaveSlug = NewType("WaveSlug", str)  # as it stands in addresses: `it-support-2027-q1`
