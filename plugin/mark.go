package plugin

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Marker marks a silent node offline, after a pass and under its lock (K6). Each step is only
// taken after the one before it: fence, look again, submit held, look for the last time,
// release, vouch. What is killed in between leaves a job that expires, or one that the next
// pass cancels before it begins, or else a node that is marked and was fenced; nothing of it
// is remembered, so that the next pass begins with the fence.
type Marker struct {
	*Pass
	Hostname string // of this node
	// Within is how long nodes may take to answer, all together and then each on its own.
	Within time.Duration
	// KnownJob is some job of the queue, none newer than the newest, from which that is looked
	// for; 0 if none is known.
	KnownJob luxi.JobID
}

// Marked is what came of a look at silent nodes.
type Marked struct {
	Markings []repair.Marking // as the pass left them, by node
	Node     string           // that was marked offline; empty if none was
	Job      luxi.JobID       // that has marked it
	Origin   string           // the object whose tag permits it
	Fenced   bool             // the tag that says so is written
}

// Watch returns what is decided from after a look, with a configuration that is read now.
func (m *Marker) Watch(ctx context.Context, silent repair.SilentNodes, answers map[string]repair.NodeAnswer) (repair.Watch, error) {
	s, err := (&read.Reader{Client: m.Client, Now: m.Now}).ReadNodes(ctx)
	return repair.Watch{Snapshot: s, Silent: silent, Answers: answers, Settings: m.Settings}, err
}

// Run writes since when nodes are silent, and marks the one that may be marked, if there is
// one. An error says that nobody knows how far it came; the markings tell what is known.
func (m *Marker) Run(ctx context.Context, w repair.Watch) (Marked, error) {
	done := Marked{Markings: w.Markings()}
	if err := m.mayAct(ctx); err != nil {
		m.Log.Info("silent nodes are left alone", "why", err.Error())
		return done, nil
	}
	if err := m.writeSilent(ctx, w.SilentTags(), done.Markings); err != nil {
		return done, fmt.Errorf("writing since when nodes are silent: %w", err)
	}
	for k := range done.Markings {
		if !done.Markings[k].May() {
			continue
		}
		reason, why, err := m.mark(ctx, w, done.Markings[k], &done)
		done.Markings[k].Reason, done.Markings[k].Detail = reason, why
		return done, err
	}
	return done, nil
}

// writeSilent writes since when nodes are silent. A tag that is not written, as a job of
// somebody else's has its node, holds up no other node (C5): the next pass writes it.
func (m *Marker) writeSilent(ctx context.Context, changes []tagstore.Change, markings []repair.Marking) error {
	changes, filtered, err := m.withoutFiltered(ctx, changes)
	if err != nil {
		return err
	}
	lost, err := m.write(ctx, changes)
	if err != nil {
		return err
	}
	for k := range markings {
		is := &markings[k]
		why := filtered[is.Node.Name]
		if err := lost[is.Node.Name]; err != nil {
			why = err.Error()
			if _, job, err := m.locked(ctx, is.Node, false); err == nil && job != "" {
				why = job
			}
		}
		if why == "" {
			continue
		}
		m.Log.Warn("node tag not written", "node", is.Node.Name, "error", why)
		if is.Reason == repair.MarkTooSoon {
			is.Detail = "since when it is silent cannot be written to a tag of it: " + why
		}
	}
	return nil
}

// withoutFiltered returns the changes of tags that no job filter would stop, and why the
// others would be, by the names of their nodes (C7).
func (m *Marker) withoutFiltered(ctx context.Context, changes []tagstore.Change) (rest []tagstore.Change, filtered map[string]string, err error) {
	if len(changes) == 0 {
		return nil, nil, nil
	}
	rules, newest, err := m.rules(ctx)
	if err != nil || len(rules) == 0 {
		return changes, nil, err
	}
	filtered = make(map[string]string)
	for _, c := range changes {
		if why := repair.JobFiltered(rules, newest, m.writer().Job(c)); why != "" {
			filtered[c.Name] = why
		} else {
			rest = append(rest, c)
		}
	}
	return rest, filtered, nil
}

// rules returns the job filters and, if there are any, the newest job: a rule may be about
// the jobs after it.
func (m *Marker) rules(ctx context.Context) ([]luxi.FilterRule, luxi.JobID, error) {
	rules, err := m.Client.QueryFilterRules(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the job filters: %w", err)
	}
	if len(rules) == 0 {
		return nil, 0, nil
	}
	newest, err := m.Client.NewestJob(ctx, m.KnownJob+1)
	if err != nil {
		return nil, 0, fmt.Errorf("looking for the newest job: %w", err)
	}
	return rules, newest, nil
}

// mayAct returns why nothing may be marked at all: not the master, the watcher paused, also
// where a pass ignores that, or the queue drained (K7).
func (m *Marker) mayAct(ctx context.Context) error {
	return Preflight(ctx, m.Client, m.Hostname, m.Now(), false)
}

// mark marks a node, or returns why it did not.
func (m *Marker) mark(ctx context.Context, w repair.Watch, is repair.Marking, done *Marked) (repair.MarkReason, string, error) {
	node := is.Node
	use, err := read.ReadNodeUse(ctx, m.Client, node)
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	ops := repair.MarkOps(node, use.Candidate, m.Now())
	if reason, why, err := m.inTheWay(ctx, node, use.Candidate, ops); err != nil || reason != "" {
		return reason, why, err
	}
	if why := m.fenceNode(ctx, node, use.Instances); why != "" {
		return repair.MarkNotFenced, why, nil
	}
	if reason, why, err := m.stillSilent(ctx, node); err != nil || reason != "" {
		return reason, why, err
	}
	return m.markHeld(ctx, w, is, use.Candidate, ops, done)
}

// inTheWay looks for what would keep the job from beginning at once: a lock of somebody
// else's job, or a job filter.
func (m *Marker) inTheWay(ctx context.Context, node *repair.Node, candidate bool, ops []luxi.OpCode) (repair.MarkReason, string, error) {
	rules, newest, err := m.rules(ctx)
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	if why := repair.MarkFiltered(rules, newest, node.Name, ops, m.Now()); why != "" {
		return repair.MarkIsFiltered, why, nil
	}
	return m.locked(ctx, node, candidate)
}

// locked looks for a job that has a lock which the marking would wait for.
func (m *Marker) locked(ctx context.Context, node *repair.Node, candidate bool) (repair.MarkReason, string, error) {
	locks, err := m.Client.QueryLocks(ctx)
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), fmt.Errorf("reading locks: %w", err)
	}
	job, is := repair.LockedFor(locks, node, candidate)
	switch {
	case !is:
		return "", "", nil
	case candidate:
		return repair.MarkNotMarked, fmt.Sprintf("job %d has a node, and the locks of all are needed as it is a master candidate", job), nil
	}
	return repair.MarkNotMarked, fmt.Sprintf("job %d has it", job), nil
}

// fenceNode asks the fence, once, and returns why it did not hold; "" if it did. A tag that
// vouches for the node does not stand for it: the node was online meanwhile.
func (m *Marker) fenceNode(ctx context.Context, node *repair.Node, instances []string) string {
	if m.Fence == nil {
		return "there is no fence"
	}
	short, cancel := context.WithTimeout(ctx, m.fenceTime())
	defer cancel()
	if err := m.Fence(short, node.Name, instances); err != nil {
		m.Log.Warn("fence failed", "node", node.Name, "error", err.Error())
		return "fence failed: " + err.Error()
	}
	m.Log.Info("fence succeeded", "node", node.Name)
	return ""
}

// stillSilent looks whether a node that was fenced is silent still. One that answers was not
// switched off, whatever the fence said.
func (m *Marker) stillSilent(ctx context.Context, node *repair.Node) (repair.MarkReason, string, error) {
	told, err := read.WhoAnswers(ctx, m.Client, m.Within, []string{node.Name})
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	switch told.Answers[node.Name] {
	case repair.AnswerMissing:
		return "", "", nil
	case repair.AnswerGiven:
		m.Log.Warn("fence succeeded, and the node answers", "node", node.Name)
		return repair.MarkAnswers, "the fence succeeded, and it answers: does the fence switch off what it says?", nil
	}
	return repair.MarkNotMarked, "it is not known whether it answers after the fence", nil
}

// markHeld submits the job held, looks for the last time, releases it, waits for its end, and
// writes the tag that vouches for the node.
func (m *Marker) markHeld(ctx context.Context, w repair.Watch, is repair.Marking, candidate bool, ops []luxi.OpCode, done *Marked) (repair.MarkReason, string, error) {
	node := is.Node
	hold, held, errs, err := m.submitHeld(ctx, 0, m.Settings.PassTimeout+30*time.Second, [][]luxi.OpCode{ops}, []repair.Mark{repair.MarkOfOffline(node.Name)})
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	defer m.endHold(hold)
	if errs[0] != nil {
		return repair.MarkNotMarked, "submitting: " + errs[0].Error(), nil
	}
	if reason, why, err := m.lastLook(ctx, w, node, candidate); err != nil || reason != "" {
		return reason, why, err
	}
	if err := m.release(ctx, held[0]); err != nil {
		// It may be released all the same.
		clean, stop := context.WithTimeout(context.Background(), m.Settings.PassTimeout/6)
		defer stop()
		if back := m.takeBack(clean, held[0].Job); back != nil {
			m.Log.Warn("job not taken back", "node", node.Name, "job", int64(held[0].Job), "error", back.Error())
		}
		return repair.MarkNotMarked, oneCause(err), err
	}
	m.Log.Info("node is being marked offline", "node", node.Name, "job", int64(held[0].Job), "permitted_by", is.PermittedBy.Origin)
	// Ending the hold job has luxid look for jobs to start, too, and gives its slot back.
	_ = m.Client.StartEligible(ctx)
	m.endHold(hold)
	reason, why, err := m.ended(ctx, node, held[0].Job)
	if err != nil || reason != "" {
		return reason, why, err
	}
	done.Node, done.Job, done.Origin = node.Name, held[0].Job, is.PermittedBy.Origin
	m.Log.Warn("node marked offline", "node", node.Name, "job", int64(held[0].Job), "permitted_by", is.PermittedBy.Origin, "tag", is.PermittedBy.Tag)
	vouch := tagstore.Object{Kind: luxi.TagNode, Name: node.Name, Tags: node.Tags}.Vouch(m.Now().Unix())
	vouch.Why = repair.Mark{Kind: repair.MarkTags, ID: "node"}.Text()
	lost, err := m.write(ctx, []tagstore.Change{vouch})
	if err == nil {
		err = lost[node.Name]
	}
	if err != nil {
		// The next pass asks the fence again.
		m.Log.Warn("tag not written", "node", node.Name, "tag", vouch.Add, "error", err.Error())
		return "", "", nil
	}
	done.Fenced = true
	return "", "", nil
}

// lastLook decides once more, from a fresh look at everything, right before the release: the
// master may have been cut off meanwhile, somebody may have paused or suspended, and the node
// may be back.
func (m *Marker) lastLook(ctx context.Context, before repair.Watch, node *repair.Node, candidate bool) (repair.MarkReason, string, error) {
	if err := m.mayAct(ctx); err != nil {
		return repair.MarkNotMarked, err.Error(), nil
	}
	var names []string
	for _, n := range before.Snapshot.SortedNodes() {
		if !n.Offline && n.Name != before.Snapshot.Cluster.Master {
			names = append(names, n.Name)
		}
	}
	told, err := read.WhoAnswers(ctx, m.Client, m.Within, names)
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	if told.Answers[node.Name] == repair.AnswerGiven {
		return repair.MarkAnswers, "it answers again", nil
	}
	now, err := m.Watch(ctx, before.Silent, told.Answers)
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	for _, is := range now.Markings() {
		if is.Node.UUID == node.UUID && (is.May() || is.Reason == repair.MarkNotNow) {
			return m.locked(ctx, node, candidate)
		}
		if is.Node.UUID == node.UUID {
			return is.Reason, is.Detail, nil
		}
	}
	return repair.MarkNotMarked, "it is offline or gone", nil
}

// ended waits for the end of the job that marks the node, and takes back what does not begin
// in time: it must not mark the node later, when nobody knows how it is then.
func (m *Marker) ended(ctx context.Context, node *repair.Node, job luxi.JobID) (repair.MarkReason, string, error) {
	wait, cancel := context.WithTimeout(ctx, m.Settings.PassTimeout/4)
	defer cancel()
	_, waited := m.Client.WaitForJob(wait, job)
	clean, stop := context.WithTimeout(context.Background(), m.Settings.PassTimeout/6)
	defer stop()
	if waited != nil {
		if err := m.takeBack(clean, job); err != nil {
			return repair.MarkNotMarked, fmt.Sprintf("job %d did not end in time, and could not be canceled", job), err
		}
	}
	infos, err := m.Client.QueryJobs(clean, []luxi.JobID{job})
	if err != nil {
		return repair.MarkNotMarked, oneCause(err), err
	}
	switch info := infos[0]; {
	case info.Status == luxi.JobSuccess:
		return "", "", nil
	case !info.Known || len(info.Ops) != 1:
		return repair.MarkNotMarked, fmt.Sprintf("job %d is no longer known", job), nil
	case info.Ops[0].Result.Err != nil:
		return repair.MarkNotMarked, fmt.Sprintf("job %d: %s", job, info.Ops[0].Result.Err), nil
	default:
		return repair.MarkNotMarked, fmt.Sprintf("job %d is %s", job, info.Status), nil
	}
}

// takeBack cancels the job that marks a node, and waits for its end.
func (m *Marker) takeBack(ctx context.Context, job luxi.JobID) error {
	if _, _, err := m.Client.CancelJob(ctx, job, false); err != nil {
		return err
	}
	_, _ = m.Client.WaitForJob(ctx, job)
	return nil
}

// endHold ends the hold job, so that nothing stays held.
func (m *Marker) endHold(hold luxi.JobID) {
	clean, cancel := context.WithTimeout(context.Background(), m.Settings.PassTimeout/6)
	defer cancel()
	if err := m.expire(clean, hold); err != nil {
		m.Log.Warn("held jobs expire later by themselves", "error", err.Error())
	}
}

// write writes tags of nodes, and gives up what waits for a lock: the next pass does it. It
// returns why tags of nodes were not written, by name. An error says that nobody knows.
func (m *Marker) write(ctx context.Context, changes []tagstore.Change) (lost map[string]error, err error) {
	if len(changes) == 0 {
		return nil, nil
	}
	bound := m.Settings.PassTimeout / 6
	short, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	batch, err := m.writer().Submit(short, changes)
	if err != nil {
		return nil, err
	}
	lost = make(map[string]error)
	note := func(list []tagstore.Written) {
		for _, w := range list {
			if c := changes[w.Index]; w.Err == nil {
				m.Log.Info("node tag written", "node", c.Name, "tags", c.Add, "job", int64(w.Job))
			} else {
				lost[c.Name] = w.Err
			}
		}
	}
	for batch.Unfinished() > 0 {
		list, err := batch.Next(short)
		note(list)
		if err == nil {
			continue
		}
		late := short.Err() != nil && ctx.Err() == nil
		clean, stop := context.WithTimeout(context.Background(), bound)
		note(batch.Abandon(clean))
		stop()
		if !late {
			return lost, err
		}
	}
	return lost, nil
}

func (m *Marker) writer() *tagstore.Writer {
	return &tagstore.Writer{Client: m.Client, Source: repair.Source, Now: m.Now, Window: 1, PerJob: repair.WaveSize}
}

// oneCause tells of an error that ended the marking.
func oneCause(err error) string { return "it was interrupted: " + err.Error() }
