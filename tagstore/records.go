package tagstore

import (
	"sort"

	"ganeti-autorepair/luxi"
)

// Repair is one pending repair of an instance, made of all the pending tags
// that carry its id. A crash between adding a new copy and removing the old one
// leaves several tags of one id (T6).
type Repair struct {
	Pending          // Tag is empty unless exactly one tag says precisely this
	Tags    []string // every tag that stands for the repair now
}

// Records are the repair records of an instance. Callers share the lists and do
// not change them.
type Records struct {
	Repairs  []Repair // the open repairs in the order they are to be handled: by time, then id
	Finished []string // pending tags of repairs that already have a result: to be removed (T6)
	Failures []Result // results that stop repairs of the instance until a person removes them (S11)
	Results  []Result // all results, oldest first
	Unclear  []Malformed

	ended    map[string]int  // index in Results of the newest one, by repair id
	leftover map[string]bool // ids of the repairs that Finished is about
}

// sortedRecords are records and the lists that they were made from.
type sortedRecords struct {
	records   Records
	pendings  []Pending
	results   []Result
	malformed []Malformed
}

// Records returns the repair records that the tags of an instance make. Parse has
// made them already; they are made anew only if a list of t was replaced since.
func (t Tags) Records() Records {
	s := t.sorted
	if s == nil || !sameList(len(s.pendings), len(t.Pendings), func() bool { return &s.pendings[0] == &t.Pendings[0] }) ||
		!sameList(len(s.results), len(t.Results), func() bool { return &s.results[0] == &t.Results[0] }) ||
		!sameList(len(s.malformed), len(t.Malformed), func() bool { return &s.malformed[0] == &t.Malformed[0] }) {
		s = t.sortRecords()
	}
	if s == nil {
		return Records{}
	}
	return s.records
}

// sameList reports whether two lists of the given lengths are one, where
// sameFirst compares the places of their first elements.
func sameList(a, b int, sameFirst func() bool) bool { return a == b && (a == 0 || sameFirst()) }

// sortRecords makes the records; nil if there are none.
func (t Tags) sortRecords() *sortedRecords {
	if len(t.Pendings)+len(t.Results)+len(t.Malformed) == 0 {
		return nil
	}
	s := &sortedRecords{pendings: t.Pendings, results: t.Results, malformed: t.Malformed}
	r := &s.records
	r.Results = append(r.Results, t.Results...)
	sort.SliceStable(r.Results, func(i, j int) bool { return r.Results[i].Time < r.Results[j].Time })
	r.ended = make(map[string]int, len(r.Results))
	for k, res := range r.Results {
		r.ended[res.ID] = k
		if res.Outcome == Failure {
			r.Failures = append(r.Failures, res)
		}
	}
	r.leftover = make(map[string]bool)
	var open []Pending
	for _, p := range t.Pendings {
		if _, ended := r.ended[p.ID]; ended {
			r.Finished = append(r.Finished, p.Tag)
			r.leftover[p.ID] = true
		} else {
			open = append(open, p)
		}
	}
	r.Repairs = merge(open)
	for _, m := range t.Malformed {
		if m.Effect == Blocks {
			r.Unclear = append(r.Unclear, m)
		}
	}
	return s
}

// merge makes one repair of all pending tags with one id: all jobs of all copies,
// the earliest time, the lesser permission.
func merge(pendings []Pending) []Repair {
	var repairs []Repair
	index := make(map[string]int, len(pendings))
	for _, p := range pendings {
		i, seen := index[p.ID]
		if !seen {
			i = len(repairs)
			index[p.ID] = i
			first := Repair{Pending: p}
			first.Jobs = nil
			repairs = append(repairs, first)
		}
		r := &repairs[i]
		r.Tags = append(r.Tags, p.Tag)
		r.Jobs = append(r.Jobs, p.Jobs...)
		if p.Type < r.Type {
			r.Type = p.Type
		}
		if p.Time < r.Time {
			r.Time = p.Time
		}
	}
	for k := range repairs {
		r := &repairs[k]
		r.Jobs = unique(r.Jobs)
		if len(r.Tags) > 1 {
			r.Tag = ""
			// Ids only grow, so their order is that of submission.
			sort.Slice(r.Jobs, func(i, j int) bool { return r.Jobs[i] < r.Jobs[j] })
		}
	}
	sort.Slice(repairs, func(i, j int) bool {
		a, b := repairs[i], repairs[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.ID < b.ID
	})
	return repairs
}

// unique returns the list without repetitions: a job that a person's tag names
// twice is still one attempt.
func unique(ids []luxi.JobID) []luxi.JobID {
	var list []luxi.JobID
	have := make(map[luxi.JobID]bool, len(ids))
	for _, id := range ids {
		if !have[id] {
			have[id] = true
			list = append(list, id)
		}
	}
	return list
}

// ResultOf returns the newest result of the repair with the id, if it has ended.
func (r Records) ResultOf(id string) (Result, bool) {
	k, ok := r.ended[id]
	if !ok {
		return Result{}, false
	}
	return r.Results[k], true
}

// Outdated returns the tags of the success and enoperm results that go when a
// newer result or a new repair is written, so that with the added ones the
// newest keep remain (T9). Failure results are never among them.
func (r Records) Outdated(keep, added int) []string {
	var old []Result
	for _, res := range r.Results {
		if res.Outcome != Failure {
			old = append(old, res)
		}
	}
	n := len(old) + added - keep
	if n > len(old) {
		n = len(old)
	}
	var tags []string
	for i := 0; i < n; i++ {
		tags = append(tags, old[i].Tag)
	}
	return tags
}

// Superseded returns the tags that Outdated returned to the pass that wrote the
// newest results. They are there only if that pass died before it removed them (T6).
func (r Records) Superseded(keep int) []string {
	if len(r.Results) == 0 {
		return nil
	}
	newest := r.Results[len(r.Results)-1].Time
	var before Records
	added := 0
	for _, res := range r.Results {
		switch {
		case res.Time < newest:
			before.Results = append(before.Results, res)
		case res.Outcome != Failure:
			added++
		}
	}
	return before.Outdated(keep, added)
}

// Enoperms returns the tags of the enoperm results, which go as soon as the
// instance is healthy (T13). A result stays while pending tags of its repair are
// there: without it they would ask for the repair again (T6).
func (r Records) Enoperms() []string {
	var tags []string
	for _, res := range r.Results {
		if res.Outcome == Enoperm && !r.leftover[res.ID] {
			tags = append(tags, res.Tag)
		}
	}
	return tags
}

// EnopermFor returns the enoperm result that already says that a repair of
// type t is not permitted, so that it is not written again (S3).
func (r Records) EnopermFor(t Type) (Result, bool) {
	for i := len(r.Results) - 1; i >= 0; i-- {
		if res := r.Results[i]; res.Outcome == Enoperm && res.Type == t {
			return res, true
		}
	}
	return Result{}, false
}
