package main

import (
	"encoding/json"
	"io"

	"ganeti-autorepair/plugin"
)

// jsonVersion is the version of everything written as JSON. Keys may be added
// within a version; none is removed, renamed or given another meaning. The
// schemas are in the directory schema.
const jsonVersion = 1

// statusJSON is what "status --json" writes.
type statusJSON struct {
	Version   int             `json:"version"`
	Time      int64           `json:"time"` // Unix time in seconds
	Cluster   string          `json:"cluster"`
	Instances []plugin.View   `json:"instances"`
	Counts    map[string]int  `json:"counts"` // instances by state
	Bad       []plugin.BadTag `json:"unreadable_tags"`
}

func writeStatusJSON(w io.Writer, plan *plugin.Plan, views []plugin.View) error {
	s := statusJSON{
		Version: jsonVersion, Time: plan.Snapshot.Time.Unix(), Cluster: plan.Snapshot.Cluster.Name,
		Instances: append([]plugin.View{}, views...), Counts: map[string]int{}, Bad: append([]plugin.BadTag{}, plan.BadTags()...),
	}
	for _, d := range plan.Decisions {
		s.Counts[string(d.State)]++
	}
	return writeJSON(w, s)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
