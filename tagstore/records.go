package tagstore

import (
	"sort"

	"ganeti-autorepair/luxi"
)

// Repair is one pending repair of an instance, made of all the pending tags
// that carry its id. Several tags of one id are what a crash between adding a
// new copy and removing the old leaves behind (T6).
type Repair struct {
	Pending          // Tag is empty unless exactly one tag says precisely this
	Tags    []string // every tag that stands for the repair now
}

// Records are the repair records of an instance, read as what they are.
type Records struct {
	Repairs  []Repair // the open repairs in the order they are to be handled: by time, then id
	Finished []string // pending tags of repairs that already have a result: to be removed (T6)
	Failures []Result // results that hold the instance until a person removes them (S11)
	Results  []Result // all results, oldest first
	Unclear  []Malformed
}

// Records sorts the pending and result tags of an instance.
func (t Tags) Records() Records {
	var r Records
	if len(t.Pendings)+len(t.Results)+len(t.Malformed) == 0 {
		return r
	}
	r.Results = append(r.Results, t.Results...)
	sort.SliceStable(r.Results, func(i, j int) bool { return r.Results[i].Time < r.Results[j].Time })
	ended := make(map[string]bool)
	for _, res := range r.Results {
		ended[res.ID] = true
		if res.Outcome == Failure {
			r.Failures = append(r.Failures, res)
		}
	}
	index := make(map[string]int)
	for _, p := range t.Pendings {
		if ended[p.ID] {
			r.Finished = append(r.Finished, p.Tag)
			continue
		}
		i, seen := index[p.ID]
		if !seen {
			index[p.ID] = len(r.Repairs)
			p.Jobs = once(p.Jobs)
			r.Repairs = append(r.Repairs, Repair{Pending: p, Tags: []string{p.Tag}})
			continue
		}
		r.Repairs[i].merge(p)
	}
	sort.SliceStable(r.Repairs, func(i, j int) bool {
		a, b := r.Repairs[i], r.Repairs[j]
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		return a.ID < b.ID
	})
	for _, m := range t.Malformed {
		if m.Kind == "pending" || m.Kind == "result" {
			r.Unclear = append(r.Unclear, m)
		}
	}
	return r
}

// merge takes a further copy of the same repair in: all jobs of both, the
// earliest time, the lesser permission.
func (r *Repair) merge(p Pending) {
	r.Tags = append(r.Tags, p.Tag)
	r.Tag = ""
	if p.Type < r.Type {
		r.Type = p.Type
	}
	if p.Time < r.Time {
		r.Time = p.Time
	}
	jobs := once(append(append([]luxi.JobID(nil), r.Jobs...), p.Jobs...))
	// Ids only grow, so their order is that of submission.
	sort.Slice(jobs, func(i, j int) bool { return jobs[i] < jobs[j] })
	r.Jobs = jobs
}

// once is the list without repetitions: a job that a person's tag names twice is
// still one attempt.
func once(ids []luxi.JobID) []luxi.JobID {
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

// Superseded returns what Outdated returned to the pass that wrote the newest
// results, for the case that it died before it removed that (T6).
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

// EnopermFor returns the enoperm result that already tells that a repair of
// type t is not permitted, so that it is not told again (S3).
func (r Records) EnopermFor(t Type) (Result, bool) {
	for i := len(r.Results) - 1; i >= 0; i-- {
		if res := r.Results[i]; res.Outcome == Enoperm && res.Type == t {
			return res, true
		}
	}
	return Result{}, false
}
