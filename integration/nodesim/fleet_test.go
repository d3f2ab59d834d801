package nodesim

import (
	"strings"
	"testing"
)

// A mirror gets what its source holds when it is in sync, not before; until then
// it is no good to start from.
func TestReplaceSecondary(t *testing.T) {
	r := newRig(t, "a", "b", "c")
	r.onAB()
	r.SetPolls(1)
	r.PowerOff("b")
	alone, net := mirror("a", "c", nil), mirror("a", "c", 11000)
	for _, child := range alone["children"].([]object) {
		r.must("c", "blockdev_create", child, 100, "web", false, "", false)
	}
	r.must("c", "blockdev_create", alone, 100, "web", false, "", false)
	r.wantContent("c", "blank, incomplete")
	r.must("a", "drbd_disconnect_net", []object{net})
	r.must("a", "drbd_attach_net", []object{net}, false)
	r.must("c", "drbd_attach_net", []object{net}, false)
	first := string(r.must("a", "blockdev_getmirrorstatus", []object{net}))
	if !strings.Contains(first, `"sync_percent":50`) || !strings.Contains(first, `"is_degraded":true`) {
		t.Errorf("at first: %s", first)
	}
	second := string(r.must("a", "blockdev_getmirrorstatus", []object{net}))
	if !strings.Contains(second, `"sync_percent":null`) || !strings.Contains(second, `"is_degraded":false`) {
		t.Errorf("then: %s", second)
	}
	r.wantContent("c", Original)
	r.wantIncidents()
}

// Faults spoil the calls they fit, as often as they say, until they are lifted.
func TestFaults(t *testing.T) {
	r := newRig(t, "a", "b")
	r.onAB()
	lift := r.Inject(Fault{Node: "a", Call: "instance_*", Instance: "web", Times: 2, Fail: "no"})
	for n, want := range []string{`"no"`, `"no"`, ""} {
		_, err := r.call("a", "instance_info", "web", "kvm", object{})
		if got := errorText(err); got != want {
			t.Errorf("call %d: %q, want %q", n+1, got, want)
		}
	}
	lift()
	r.must("b", "instance_info", "web", "kvm", object{})

	lift = r.Inject(Fault{Call: "version", Drop: true})
	if _, err := r.call("a", "version"); err == nil {
		t.Error("the connection was not dropped")
	}
	lift()
	lift = r.Inject(Fault{Call: "version", Hang: true})
	answered, arrived := make(chan error, 1), make(chan Call, 1)
	r.OnCall(func(c Call) { arrived <- c })
	go func() {
		_, err := r.call("a", "version")
		answered <- err
	}()
	<-arrived
	r.OnCall(nil)
	select {
	case err := <-answered:
		t.Errorf("answered though it hangs: %v", err)
	default:
	}
	lift()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	r.Inject(Fault{Call: "instance_shutdown", After: true, Fail: "late"})
	if _, err := r.call("a", "instance_shutdown", web(mirror("a", "b", 11000)), 1, []string{}); errorText(err) != `"late"` {
		t.Errorf("shutdown: %v", err)
	}
	if on := r.RunsOn("web"); len(on) != 0 {
		t.Errorf("runs on %v", on)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A node that is off answers nothing; one that is replaced has nothing.
func TestPower(t *testing.T) {
	r := newRig(t, "a", "b")
	r.onAB()
	r.PowerOff("a")
	if _, err := r.call("a", "version"); err == nil {
		t.Error("a answers though it is off")
	}
	if err := r.Replace("b"); err != nil {
		t.Fatal(err)
	}
	r.wantContent("b", "")
	if err := r.PowerOn("a"); err != nil {
		t.Fatal(err)
	}
	r.wantContent("a", Original)
	if on := r.RunsOn("web"); len(on) != 0 {
		t.Errorf("runs on %v", on)
	}
	// A volume takes room, and is made once.
	plain := object{"dev_type": "plain", "logical_id": []string{VolumeGroup, "x"}, "size": 4900}
	r.must("b", "blockdev_create", plain, 4900, "x", true, "", false)
	if _, err := r.call("b", "blockdev_create", plain, 4900, "x", true, "", false); err == nil || !strings.Contains(err.Error(), "not enough free space") {
		t.Errorf("no room: %v", err)
	}
	r.SetStorage("b", 50000)
	if _, err := r.call("b", "blockdev_create", plain, 4900, "x", true, "", false); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("twice: %v", err)
	}
	if _, err := r.call("b", "no_such_call"); err == nil {
		t.Error("an unknown call was answered")
	}
}

// A client without a certificate of the cluster is not listened to.
func TestCertificate(t *testing.T) {
	r := newRig(t, "a")
	transport := r.client.Transport.(interface{ CloseIdleConnections() })
	transport.CloseIdleConnections()
	r.must("a", "version")
	other := newRig(t, "a")
	r.client = other.client
	if _, err := r.call("a", "version"); err == nil {
		t.Error("a stranger was answered")
	}
}
