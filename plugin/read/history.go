package read

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// historyChunk is how many jobs are fetched in one call.
const historyChunk = 200

// ReadHistory reads the repairs that tags, the job queue and its archive still
// know, oldest first; of one instance if it is named, and only those with
// something since a time, if there is one. The jobs of a repair are found by
// their reason trails, and results whose tags are gone by the jobs that wrote
// them.
func ReadHistory(ctx context.Context, c *luxi.Client, instance string, since time.Time) ([]PastRepair, error) {
	h := &history{instance: instance, repairs: map[[2]string]*past{}}
	if err := h.readTags(ctx, c); err != nil {
		return nil, err
	}
	ids, err := candidates(ctx, c, instance, since)
	if err != nil {
		return nil, err
	}
	if err := h.readJobs(ctx, c, ids); err != nil {
		return nil, err
	}
	// Jobs that only tags name: those of other programs.
	var named []luxi.JobID
	for _, p := range h.repairs {
		for id := range p.named {
			if _, seen := p.jobs[id]; !seen {
				named = append(named, id)
			}
		}
	}
	infos, err := fetch(ctx, c, named)
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		for _, p := range h.repairs {
			if p.named[info.ID] {
				p.add(info)
			}
		}
	}
	if err := h.readTargets(ctx, c); err != nil {
		return nil, err
	}
	return h.list(since), nil
}

// HistoryOf returns the repairs that a snapshot tells of, as far as its tags and the jobs
// in it do: those of a snapshot that was saved without its history.
func HistoryOf(s *repair.Snapshot) []PastRepair {
	h := &history{repairs: map[[2]string]*past{}}
	for _, i := range s.Instances {
		h.note(i.Name, i.Tags.List(), true)
	}
	for _, p := range h.repairs {
		for id := range p.named {
			if f := s.Jobs[id]; f != nil {
				p.add(f.Info)
			}
		}
	}
	return h.list(time.Time{})
}

type history struct {
	instance string
	repairs  map[[2]string]*past // by instance and id
}

// past is a PastRepair in the making.
type past struct {
	PastRepair
	open  bool // a pending tag is there now
	asked bool // there once was one
	named map[luxi.JobID]bool
	jobs  map[luxi.JobID]PastJob
}

func (h *history) repair(instance, id string) *past {
	key := [2]string{instance, id}
	p := h.repairs[key]
	if p == nil {
		p = &past{PastRepair: PastRepair{Instance: instance, ID: id}, named: map[luxi.JobID]bool{}, jobs: map[luxi.JobID]PastJob{}}
		h.repairs[key] = p
	}
	return p
}

// note takes the records in tags of an instance; now says that they are there
// at present.
func (h *history) note(instance string, tags []string, now bool) {
	t := tagstore.Parse(luxi.TagInstance, tags)
	for _, r := range t.Pendings {
		p := h.repair(instance, r.ID)
		p.asked, p.open, p.Type = true, p.open || now, r.Type.String()
		if p.Began == 0 || r.Time < p.Began {
			p.Began = r.Time
		}
		p.name(r.Jobs)
	}
	for _, r := range t.Results {
		p := h.repair(instance, r.ID)
		p.Type, p.Ended, p.Outcome = r.Type.String(), r.Time, string(r.Outcome)
		p.name(r.Jobs)
	}
}

func (p *past) name(ids []luxi.JobID) {
	for _, id := range ids {
		p.named[id] = true
	}
}

// add takes a job of the repair in. One that was held and never released did
// nothing and is left out.
func (p *past) add(info luxi.JobInfo) {
	f := repair.NewJobFact(withoutScripts(info))
	if f.Outcome == repair.OutcomeExpired {
		delete(p.named, info.ID)
		return
	}
	j := PastJob{ID: int64(info.ID), Step: f.Step, Status: "unknown", Error: f.Detail, From: repair.FromMark(info), To: repair.NamedTargets(info)}
	if info.Known {
		j.Status = string(info.Status)
	}
	if !info.Started.IsZero() {
		j.Began = info.Started.Unix()
	}
	if !info.Ended.IsZero() {
		j.Ended = info.Ended.Unix()
	}
	p.jobs[info.ID] = j
}

func (h *history) readTags(ctx context.Context, c *luxi.Client) error {
	var filter luxi.Filter
	if h.instance != "" {
		filter = luxi.AnyOf("name", h.instance)
	}
	t, err := Query(ctx, c, luxi.ResInstance, []string{"name", "tags"}, filter)
	if err != nil {
		return fmt.Errorf("reading instances: %w", err)
	}
	for row := range t.Rows {
		var name string
		var tags []string
		if err := t.Scan(row, &name, &tags); err != nil {
			return fmt.Errorf("reading instances: %w", err)
		}
		h.note(name, tags, true)
	}
	return nil
}

// candidates are the jobs that may have to do with repairs, told by what they
// do: their opcodes are only fetched afterwards.
func candidates(ctx context.Context, c *luxi.Client, instance string, since time.Time) ([]luxi.JobID, error) {
	var filter luxi.Filter
	if !since.IsZero() {
		filter = luxi.Ge("received_ts", since.Unix())
	}
	t, err := Query(ctx, c, luxi.ResJob, []string{"id", "summary", "archived"}, filter)
	if err != nil {
		return nil, fmt.Errorf("reading the job queue: %w", err)
	}
	var ids []luxi.JobID
	for row := range t.Rows {
		var id luxi.JobID
		var summary luxi.Value[[]string]
		if err := t.Scan(row, &id, &summary, nil); err != nil {
			return nil, fmt.Errorf("reading the job queue: %w", err)
		}
		for _, s := range summary.V {
			op, object, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
			switch op {
			case "INSTANCE_REPLACE_DISKS", "INSTANCE_MIGRATE", "INSTANCE_FAILOVER", "INSTANCE_RECREATE_DISKS":
				if instance != "" && object != instance {
					continue
				}
			case "TAGS_SET":
			default:
				continue
			}
			ids = append(ids, id)
			break
		}
	}
	return ids, nil
}

// fetch looks jobs up, some at a time.
func fetch(ctx context.Context, c *luxi.Client, ids []luxi.JobID) ([]luxi.JobInfo, error) {
	var list []luxi.JobInfo
	for len(ids) > 0 {
		n := len(ids)
		if n > historyChunk {
			n = historyChunk
		}
		infos, err := c.QueryJobs(ctx, ids[:n])
		if err != nil {
			return nil, fmt.Errorf("looking up jobs: %w", err)
		}
		list, ids = append(list, infos...), ids[n:]
	}
	return list, nil
}

func (h *history) readJobs(ctx context.Context, c *luxi.Client, ids []luxi.JobID) error {
	infos, err := fetch(ctx, c, ids)
	if err != nil {
		return err
	}
	for _, info := range infos {
		m, ours := repair.MarkOf(info)
		if ours && m.Kind == repair.MarkRepair && m.ID != "" {
			for _, op := range info.Ops {
				if name := op.Param("instance_name"); name != "" && h.wanted(name) {
					h.repair(name, m.ID).add(info)
					break
				}
			}
			continue
		}
		for _, op := range info.Ops {
			name := op.Param("name")
			if op.ID != luxi.OpTagsSet || op.Param("kind") != string(luxi.TagInstance) || op.Status != luxi.JobSuccess || !h.wanted(name) {
				continue
			}
			h.note(name, stringList(op.Params["tags"]), false)
		}
	}
	return nil
}

func stringList(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

func (h *history) wanted(name string) bool { return h.instance == "" || name == h.instance }

func (h *history) list(since time.Time) []PastRepair {
	list := []PastRepair{}
	for _, p := range h.repairs {
		p.Jobs = []PastJob{}
		for id := range p.named {
			if _, ok := p.jobs[id]; !ok {
				p.jobs[id] = PastJob{ID: int64(id), Status: "unknown"}
			}
		}
		for _, j := range p.jobs {
			p.Jobs = append(p.Jobs, j)
			if p.Began == 0 || j.Began != 0 && j.Began < p.Began {
				p.Began = j.Began
			}
		}
		if len(p.Jobs) == 0 && p.Began == 0 {
			p.Began = p.Ended // a result that was written without a job
		}
		sort.Slice(p.Jobs, func(a, b int) bool { return p.Jobs[a].ID < p.Jobs[b].ID })
		switch {
		case p.Outcome != "":
		case p.open:
			p.Outcome = PastPending
		case p.asked:
			p.Outcome = PastGivenUp
		case len(p.Jobs) == 0:
			continue // nothing but jobs that never began
		default:
			p.Outcome = PastUnknown
		}
		if !since.IsZero() && p.last() < since.Unix() && !p.open {
			continue
		}
		n := len(p.Jobs)
		if p.Outcome == string(tagstore.Failure) || p.Outcome == PastPending && n > 0 && p.Jobs[n-1].Error != "" {
			p.Why = p.failure()
		}
		list = append(list, p.PastRepair)
	}
	sort.Slice(list, func(a, b int) bool {
		x, y := list[a], list[b]
		if x.Began != y.Began {
			return x.Began < y.Began
		}
		if x.Instance != y.Instance {
			return repair.NiceLess(x.Instance, y.Instance)
		}
		return x.ID < y.ID
	})
	return list
}
