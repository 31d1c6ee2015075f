-- Who is taken before a run: the waiting runs of one organization in the order in which they are taken.

CREATE INDEX runs_line ON runs (org_id, priority, id) WHERE state IN ('scheduled', 'queued', 'retrying');
