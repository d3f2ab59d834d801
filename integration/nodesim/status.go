package nodesim

import "fmt"

// status is a BlockDevStatus.
type status struct {
	DevPath  string   `json:"dev_path"`
	Major    *int     `json:"major"`
	Minor    *int     `json:"minor"`
	Percent  *float64 `json:"sync_percent"`
	Left     *int     `json:"estimated_time"` // seconds
	Degraded bool     `json:"is_degraded"`
	Local    int      `json:"ldisk_status"`
}

// Values of ldisk_status (constants.LDS_*).
const (
	localOK      = 1
	localSync    = 2
	localUnknown = 3
	localFaulty  = 4
)

// standAloneFaulty is the first version whose nodes call the local disk of a device
// that stands alone faulty, even if its data are good.
const standAloneFaulty = 3010000

// status returns the status of a disk of the node, nil if it is not there. Each call
// brings a resynchronization further.
func (n *node) status(d disk) *status {
	key := d.key()
	major, minor := 253, 0
	s := &status{DevPath: path(key), Major: &major, Minor: &minor, Local: localOK}
	if d.DevType != "drbd" {
		if n.volumeOf(d) == nil && d.DevType != "blockdev" {
			return nil
		}
		return s
	}
	dev := n.drbd[key]
	if dev == nil {
		return nil
	}
	s.DevPath, major, minor = fmt.Sprintf("/dev/drbd%d", dev.minor), 147, dev.minor
	if dev.syncing {
		n.advance(key)
	}
	v := n.local(key)
	connected := n.connected(key) != nil && !dev.syncing
	upToDate := v != nil && v.upToDate
	// GetSyncStatus in lib/storage/drbd.py of 3.0 and 3.1.
	s.Degraded = !connected || !upToDate
	switch {
	case v == nil, !dev.networked && n.fleet.opts.Version >= standAloneFaulty:
		s.Local = localFaulty
	case upToDate:
	case dev.syncing:
		s.Local = localSync
	default:
		s.Local = localUnknown
	}
	if dev.syncing {
		percent, left := 50.0, 1
		s.Percent, s.Left = &percent, &left
	}
	return s
}

// advance brings a resynchronization one status call further.
func (n *node) advance(key string) {
	dev := n.drbd[key]
	if n.fleet.stuck[dev.owner] {
		return
	}
	if dev.polls > 0 {
		dev.polls--
		return
	}
	n.finish(key)
}

// needsActivation reports whether a device has to be set up, connected or given its
// disk (DrbdNeedsActivation in lib/backend.py).
func (n *node) needsActivation(key string) bool {
	dev := n.drbd[key]
	return dev == nil || !dev.networked || n.local(key) == nil
}
