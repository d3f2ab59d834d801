package repair

import (
	"fmt"
	"hash/fnv"
	"sort"
	"time"
)

// RoomTest is when a repair was tested for room last. It is remembered from pass to pass
// by whoever runs them; without it the test is made at once.
type RoomTest struct {
	Time   int64  `json:"time"`   // Unix time in seconds
	Wait   int64  `json:"wait"`   // seconds until the next test
	Config string `json:"config"` // what the configuration was then, see ConfigMark
}

// The distances between tests for room: the first, and the longest.
const (
	firstTestWait = 5 * time.Minute
	mostTestWait  = time.Hour
)

// testDue reports whether the repair is to be tested for room now: what waits is quiet,
// so tests come at growing distances, unless the configuration has changed (P21).
func testDue(s *Snapshot, d Decision) bool {
	last, tested := s.RoomTests[d.Start.Repair.ID]
	// A minute earlier than due does no harm, and passes are not made to the second.
	due := time.Unix(last.Time+last.Wait, 0).Add(-time.Minute)
	// Where the clock was set back since, the time of the test tells nothing.
	return !tested || last.Config != s.ConfigMark() || !due.After(s.Time) || last.Time > s.Time.Unix()
}

// NextRoomTest returns what is to be remembered of a test for room that found none.
func (s *Snapshot) NextRoomTest(repair string) RoomTest {
	wait := firstTestWait
	if last, tested := s.RoomTests[repair]; tested && last.Config == s.ConfigMark() {
		if wait = 2 * time.Duration(last.Wait) * time.Second; wait > mostTestWait {
			wait = mostTestWait
		}
	}
	return RoomTest{Time: s.Time.Unix(), Wait: int64(wait.Seconds()), Config: s.ConfigMark()}
}

// ConfigMark returns a text that changes when something in the configuration changes
// that room depends on: the nodes with their flags, and the number of instances.
func (s *Snapshot) ConfigMark() string {
	var names []string
	for name := range s.Nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	h := fnv.New64a()
	for _, name := range names {
		n := s.Nodes[name]
		fmt.Fprintln(h, name, n.Group, n.Offline, n.Drained, n.VMCapable, n.Modified)
	}
	return fmt.Sprintf("%x-%d", h.Sum64(), len(s.Instances))
}
