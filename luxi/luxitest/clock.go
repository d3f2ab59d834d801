package luxitest

import (
	"container/heap"
	"time"
)

// Clock says how simulated time passes. The zero Clock is RealClock().
type Clock struct {
	virtual bool
	start   time.Time
	speed   float64
}

// RealClock makes the simulator's time the machine's time.
func RealClock() Clock { return Clock{} }

// FastClock starts at the present time and runs speed times as fast as the machine's clock, for demonstrations.
func FastClock(speed float64) Clock { return Clock{speed: speed} }

// VirtualClock starts at start and stands still, except when a test calls Advance or RunUntilQuiet, or while a
// client is blocked in WaitForJobChange: then it jumps to the next event. Nothing ever sleeps.
func VirtualClock(start time.Time) Clock { return Clock{virtual: true, start: start} }

// event is something that will happen at a moment of simulated time.
type event struct {
	at  time.Time
	seq int // events of one moment happen in the order of their creation
	do  func()
	// A retry is the end of an attempt to get locks. As long as there are only retries nothing new will happen,
	// save that one of them may give way to another.
	retry bool
}

// agenda is the heap of all events to come.
type agenda struct {
	events []*event
	seq    int
	work   int // events that are not retries
}

func (a *agenda) Len() int { return len(a.events) }
func (a *agenda) Less(i, j int) bool {
	x, y := a.events[i], a.events[j]
	if x.at.Equal(y.at) {
		return x.seq < y.seq
	}
	return x.at.Before(y.at)
}
func (a *agenda) Swap(i, j int) { a.events[i], a.events[j] = a.events[j], a.events[i] }
func (a *agenda) Push(x any)    { a.events = append(a.events, x.(*event)) }
func (a *agenda) Pop() any {
	last := len(a.events) - 1
	e := a.events[last]
	a.events[last] = nil
	a.events = a.events[:last]
	return e
}

func (a *agenda) add(at time.Time, do func(), retry bool) {
	a.seq++
	heap.Push(a, &event{at: at, seq: a.seq, do: do, retry: retry})
	if !retry {
		a.work++
	}
}

// next returns the time of the earliest event.
func (a *agenda) next() (time.Time, bool) {
	if len(a.events) == 0 {
		return time.Time{}, false
	}
	return a.events[0].at, true
}

func (a *agenda) take() *event {
	e := heap.Pop(a).(*event)
	if !e.retry {
		a.work--
	}
	return e
}

// timeline is the simulator's present and its future. It is guarded by the Master's mutex.
type timeline struct {
	clock  Clock
	epoch  time.Time // simulated time at realAt
	realAt time.Time
	now    time.Time
	future agenda
}

func newTimeline(c Clock) timeline {
	t := timeline{clock: c, realAt: time.Now()}
	t.epoch = c.start
	if !c.virtual {
		t.epoch = t.realAt
	}
	if t.clock.speed == 0 {
		t.clock.speed = 1
	}
	t.now = t.epoch
	return t
}

// after arranges for do to be called, with the Master's mutex held, once d has passed.
func (t *timeline) after(d time.Duration, do func()) { t.future.add(t.now.Add(d), do, false) }

// retry is after for the end of an attempt to get locks.
func (t *timeline) retry(d time.Duration, do func()) { t.future.add(t.now.Add(d), do, true) }

// runUntil lets everything happen that is due at or before the moment end.
func (t *timeline) runUntil(end time.Time) {
	for {
		at, ok := t.future.next()
		if !ok || at.After(end) {
			break
		}
		e := t.future.take()
		if e.at.After(t.now) {
			t.now = e.at
		}
		e.do()
	}
	if end.After(t.now) {
		t.now = end
	}
}

// catchUp brings a timeline that follows a real clock to the present. It does nothing to a virtual one.
func (t *timeline) catchUp() {
	if t.clock.virtual {
		return
	}
	passed := time.Duration(float64(time.Since(t.realAt)) * t.clock.speed)
	t.runUntil(t.epoch.Add(passed))
}

// real converts a span of simulated time to one of the machine's.
func (t *timeline) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / t.clock.speed)
}
