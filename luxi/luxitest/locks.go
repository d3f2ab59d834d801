package luxitest

import (
	"sort"
	"strings"
)

// Lock levels, in the order in which they are taken (py:locking.py). A job that waits for the locks of one level
// holds those of the levels before it.
const (
	levelInstance = iota
	levelGroup
	levelNode
	levelNodeRes
	levels
)

// lockSet names the locks an opcode wants on one level; true means exclusive.
type lockSet map[string]bool

// lockTable holds who has which lock: the part of wconfd that matters here.
type lockTable struct {
	held    map[string]map[int64]bool // lock -> job -> exclusive
	waiting []*lockWait
}

// lockWait is a job that waits for all locks of one level at once. Whatever can be granted is granted, by priority,
// then by age; there is no reservation, so a request for many locks can be overtaken, as in wconfd.
type lockWait struct {
	job  *job
	want lockSet
	then func()
}

// lockset is the last part of the name of the lock of all objects of a level ("node/[lockset]").
const lockset = "[lockset]"

// levelOf is the first part of a lock's name, with its slash.
func levelOf(lock string) string { return lock[:strings.Index(lock, "/")+1] }

// overlap reports whether two locks are the same, or one of them is that of all objects of the other's level.
func overlap(a, b string) bool {
	return a == b || levelOf(a) == levelOf(b) && (strings.HasSuffix(a, "/"+lockset) || strings.HasSuffix(b, "/"+lockset))
}

func (t *lockTable) free(id int64, want lockSet) bool {
	for name, exclusive := range want {
		for held, owners := range t.held {
			if !overlap(name, held) {
				continue
			}
			for owner, ownerExclusive := range owners {
				if owner != id && (exclusive || ownerExclusive) {
					return false
				}
			}
		}
	}
	return true
}

func (t *lockTable) take(id int64, want lockSet) {
	if t.held == nil {
		t.held = make(map[string]map[int64]bool)
	}
	for name, exclusive := range want {
		if t.held[name] == nil {
			t.held[name] = make(map[int64]bool)
		}
		t.held[name][id] = exclusive || t.held[name][id]
	}
}

// acquire calls then as soon as the job has the locks, possibly at once.
func (m *Master) acquire(j *job, want lockSet, then func()) {
	if m.locks.free(j.id, want) {
		m.locks.take(j.id, want)
		then()
		return
	}
	m.locks.waiting = append(m.locks.waiting, &lockWait{j, want, then})
}

// release gives up all locks of the job, and lets others have them.
func (m *Master) release(j *job) {
	for name := range m.locks.held {
		m.locks.drop(j.id, name)
	}
	m.grant()
}

func (t *lockTable) drop(id int64, name string) {
	delete(t.held[name], id)
	if len(t.held[name]) == 0 {
		delete(t.held, name)
	}
}

// narrow gives up the job's locks of one level but for the given ones, which it keeps as well where it had the lock of
// all objects of the level (ReleaseLocks).
func (m *Master) narrow(j *job, level string, keep map[string]bool) {
	t := &m.locks
	if exclusive, ok := t.held[level+lockset][j.id]; ok {
		for name := range keep {
			t.take(j.id, lockSet{name: exclusive})
		}
	}
	for name, owners := range t.held {
		if _, mine := owners[j.id]; mine && levelOf(name) == level && !keep[name] {
			t.drop(j.id, name)
		}
	}
	m.grant()
}

// grant serves the jobs that wait for locks.
func (m *Master) grant() {
	t := &m.locks
	for {
		sort.SliceStable(t.waiting, func(a, b int) bool {
			return t.waiting[a].job.priority() < t.waiting[b].job.priority()
		})
		served := false
		for k, w := range t.waiting {
			if t.free(w.job.id, w.want) {
				t.waiting = append(t.waiting[:k:k], t.waiting[k+1:]...)
				t.take(w.job.id, w.want)
				w.then()
				served = true
				break // what followed may have changed the list
			}
		}
		if !served {
			return
		}
	}
}

// forget removes the job from the queue for locks.
func (t *lockTable) forget(id int64) {
	var rest []*lockWait
	for _, w := range t.waiting {
		if w.job.id != id {
			rest = append(rest, w)
		}
	}
	t.waiting = rest
}

// lockInfo is one row of a query for locks.
type lockInfo struct {
	name    string
	mode    any
	owners  []int64
	pending [][2]any // mode, job
}

// lockInfos lists all locks that are held or wanted, as luxid gets them from wconfd.
func (t *lockTable) lockInfos() []lockInfo {
	all := make(map[string]*lockInfo)
	get := func(name string) *lockInfo {
		if all[name] == nil {
			all[name] = &lockInfo{name: name}
		}
		return all[name]
	}
	mode := func(exclusive bool) string {
		if exclusive {
			return "exclusive"
		}
		return "shared"
	}
	for name, owners := range t.held {
		get(levelOf(name) + lockset)
		info := get(name)
		for id, exclusive := range owners {
			info.owners = append(info.owners, id)
			if info.mode != "exclusive" {
				info.mode = mode(exclusive)
			}
		}
		sort.Slice(info.owners, func(a, b int) bool { return info.owners[a] < info.owners[b] })
	}
	for _, w := range t.waiting {
		for name, exclusive := range w.want {
			info := get(name)
			info.pending = append(info.pending, [2]any{mode(exclusive), w.job.id})
		}
	}
	list := make([]lockInfo, 0, len(all))
	for _, info := range all {
		list = append(list, *info)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].name < list[b].name })
	return list
}
