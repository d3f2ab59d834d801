package read

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// ErrImplausible is an answer that cannot be right: nothing may be concluded
// from it, and nothing done (C5).
var ErrImplausible = errors.New("implausible answer")

// Reader reads snapshots.
type Reader struct {
	Client *luxi.Client
	Now    func() time.Time
	// Full reads the place of every instance, also of those on good nodes.
	Full bool
	// LiveOfAll reads the live status of every instance, not only of those for
	// which it matters.
	LiveOfAll bool
	// PastOfAll reads what earlier jobs left behind of every instance, not only of those
	// for which it matters.
	PastOfAll bool
	Assume    repair.Assumption // what to take for true beside what is read
	// Unfinished are the unfinished jobs, if they were read just now and nothing else
	// since; nil has them read.
	Unfinished []luxi.JobInfo
	// Before is a snapshot read before, from which a fresh look goes on; nil if there is
	// none.
	Before *repair.Snapshot
	// NewJob submits a job that does nothing and returns its number; nil for those who
	// only look.
	NewJob func(context.Context) (luxi.JobID, error)
	// Disks are what is known of disks on good nodes. They are those of Before, if there is
	// one.
	Disks repair.DiskFacts
	// RoomTests are the last tests for room, by repair id, as far as they are remembered.
	RoomTests map[string]repair.RoomTest
	// Suspects are the instances, by UUID, that the pass before found to be otherwise than
	// the configuration says, with the job that has left them so.
	Suspects map[string]luxi.JobID
	// TakenBack are the jobs that passes have canceled before they began, as far as they are
	// remembered.
	TakenBack map[luxi.JobID]bool
}

// Read reads a snapshot of the whole cluster. What it asks for grows with what
// is broken: only the instances of nodes that are not fine are looked at closely,
// and those with open repairs.
func (r *Reader) Read(ctx context.Context) (*repair.Snapshot, error) { return r.read(ctx, nil) }

// ReadOnly reads a snapshot that holds only the instances with the given UUIDs.
// Those that no longer exist are missing from it.
func (r *Reader) ReadOnly(ctx context.Context, uuids []string) (*repair.Snapshot, error) {
	if len(uuids) == 0 {
		return nil, fmt.Errorf("%w: no instance to read", ErrImplausible)
	}
	return r.read(ctx, uuids)
}

func (r *Reader) read(ctx context.Context, uuids []string) (*repair.Snapshot, error) {
	s := &repair.Snapshot{Time: r.Now(), Groups: map[string]*repair.Group{}, Nodes: map[string]*repair.Node{}, Jobs: map[luxi.JobID]*repair.JobFact{}, RoomTests: r.RoomTests, TakenBack: r.TakenBack, Disks: r.Disks}
	if r.Before != nil {
		s.Disks = r.Before.Disks
		if uuids != nil {
			s.Whole = r.Before
		}
	}
	var err error
	// Jobs first: one that ends after this was read has left its mark on the
	// configuration read later, so nothing is missed in between.
	if s.Unfinished = r.Unfinished; s.Unfinished == nil {
		if s.Unfinished, err = UnfinishedJobs(ctx, r.Client); err != nil {
			return nil, err
		}
	}
	if err := r.readCluster(ctx, s); err != nil {
		return nil, err
	}
	if err := r.readGroups(ctx, s); err != nil {
		return nil, err
	}
	if err := r.readNodes(ctx, s); err != nil {
		return nil, err
	}
	if err := r.Assume.Apply(s); err != nil {
		return nil, err
	}
	if uuids == nil {
		if err := r.readAnswers(ctx, s); err != nil {
			return nil, err
		}
		if err := r.readSuspects(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := r.readInstances(ctx, s, uuids); err != nil {
		return nil, err
	}
	if err := r.readJobs(ctx, s); err != nil {
		return nil, err
	}
	if r.Full {
		if err := r.readFailures(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := r.readLive(ctx, s); err != nil {
		return nil, err
	}
	if err := r.readElsewhere(ctx, s); err != nil {
		return nil, err
	}
	if uuids == nil {
		if err := r.readTargets(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := r.readPast(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *Reader) readCluster(ctx context.Context, s *repair.Snapshot) error {
	info, err := r.Client.QueryClusterInfo(ctx)
	if err != nil {
		return fmt.Errorf("reading the cluster: %w", err)
	}
	s.Cluster = repair.Cluster{
		Name: info.Name, UUID: info.UUID, Master: info.Master,
		Tags:       tagstore.Parse(luxi.TagCluster, info.Tags),
		IAllocator: info.DefaultIAllocator,
		Slots:      info.MaxRunningJobs,
		FreeDisk:   repair.ReportedStorage(info.EnabledDiskTemplates), VolumeGroup: info.VolumeGroup,
		Exclusions: repair.ExclusionPrefixes(info.Tags), WipesDisks: info.PreallocWipeDisks,
	}
	return nil
}

func (r *Reader) readGroups(ctx context.Context, s *repair.Snapshot) error {
	t, err := Query(ctx, r.Client, luxi.ResGroup, []string{"uuid", "name", "tags"}, nil)
	if err != nil {
		return fmt.Errorf("reading node groups: %w", err)
	}
	for row := range t.Rows {
		g := &repair.Group{}
		var tags []string
		if err := t.Scan(row, &g.UUID, &g.Name, &tags); err != nil {
			return fmt.Errorf("reading node groups: %w", err)
		}
		g.Tags = tagstore.Parse(luxi.TagGroup, tags)
		s.Groups[g.UUID] = g
	}
	if len(s.Groups) == 0 {
		return fmt.Errorf("%w: the cluster has no node groups", ErrImplausible)
	}
	return nil
}

func (r *Reader) readNodes(ctx context.Context, s *repair.Snapshot) error {
	t, err := Query(ctx, r.Client, luxi.ResNode, []string{"name", "uuid", "group.uuid", "offline", "drained", "vm_capable", "tags", "mtime"}, nil)
	if err != nil {
		return fmt.Errorf("reading nodes: %w", err)
	}
	for row := range t.Rows {
		n := &repair.Node{}
		var tags []string
		var modified luxi.Value[float64]
		if err := t.Scan(row, &n.Name, &n.UUID, &n.Group, &n.Offline, &n.Drained, &n.VMCapable, &tags, &modified); err != nil {
			return fmt.Errorf("reading nodes: %w", err)
		}
		n.Tags, n.Modified = tagstore.Parse(luxi.TagNode, tags), int64(modified.V)
		if s.Groups[n.Group] == nil {
			return fmt.Errorf("%w: node %s is in group %s, which is not a node group of the cluster", ErrImplausible, n.Name, n.Group)
		}
		s.Nodes[n.Name] = n
	}
	master := s.Nodes[s.Cluster.Master]
	switch {
	case len(s.Nodes) == 0:
		return fmt.Errorf("%w: the cluster has no nodes", ErrImplausible)
	case master == nil:
		return fmt.Errorf("%w: the master node %s is not among the nodes", ErrImplausible, s.Cluster.Master)
	case master.Offline || master.Drained:
		// Ganeti never lets that happen (lib/cmdlib/node.py).
		return fmt.Errorf("%w: the master node %s is said to be offline or drained", ErrImplausible, master.Name)
	}
	return nil
}

// Query is Client.Query, except that a field luxid does not know ends the pass:
// nothing may be concluded from its absence (C5).
func Query(ctx context.Context, c *luxi.Client, what luxi.Resource, fields []string, filter luxi.Filter) (*luxi.Table, error) {
	t, err := c.Query(ctx, what, fields, filter)
	if err != nil {
		return nil, err
	}
	for _, row := range t.Rows {
		for k, cell := range row {
			if cell.Status == luxi.StatusUnknown {
				return nil, fmt.Errorf("%w: luxid does not know the field %s", ErrImplausible, t.Fields[k].Name)
			}
		}
	}
	return t, nil
}

// readLive asks the primary nodes about the instances whose live status
// matters, and about no others. No answer is no reason to stop, nor to wait for
// long: such an instance is blocked alone (C5).
func (r *Reader) readLive(ctx context.Context, s *repair.Snapshot) error {
	want := make(map[string]*repair.Instance)
	uuids := make(map[string][]string) // by primary node
	var nodes []string
	for _, i := range s.Instances {
		if i.PlaceKnown && (r.LiveOfAll || repair.NeedsLive(s, i) || repair.NeedsLiveToSettle(s, i)) {
			want[i.UUID] = i
			if uuids[i.Primary] == nil {
				nodes = append(nodes, i.Primary)
			}
			uuids[i.Primary] = append(uuids[i.Primary], i.UUID)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	askThem := AskNodes
	if r.LiveOfAll {
		askThem = askAllNodes
	}
	tables, err := askThem(ctx, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		var there []string
		for _, node := range nodes {
			there = append(there, uuids[node]...)
		}
		return Query(ctx, r.Client, luxi.ResInstance, []string{"uuid", "status"}, luxi.AnyOf("uuid", there...))
	})
	if err != nil {
		return fmt.Errorf("reading the live status of instances: %w", err)
	}
	for _, t := range tables {
		for row := range t.Rows {
			var uuid string
			var status luxi.Value[string]
			if err := t.Scan(row, &uuid, &status); err != nil {
				return fmt.Errorf("reading the live status of instances: %w", err)
			}
			if v, ok := status.Get(); ok && want[uuid] != nil {
				want[uuid].Live = &repair.Live{Status: v}
			}
		}
	}
	return nil
}
