package nodesim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a fleet on this machine's loopback and a client like a master.
type rig struct {
	*Fleet
	t      *testing.T
	client *http.Client

	mu        sync.Mutex
	addresses map[string]string // where a node really listens
}

func newRig(t *testing.T, nodes ...string) *rig {
	t.Helper()
	return newRigOf(t, 3000000, nodes...)
}

func newRigOf(t *testing.T, version int, nodes ...string) *rig {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ganeti.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	r := &rig{t: t, addresses: make(map[string]string)}
	r.Fleet, err = New(Options{Certificate: both, Master: "master", Version: version, Listen: func(address string) (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			r.mu.Lock()
			r.addresses[address] = l.Addr().String()
			r.mu.Unlock()
		}
		return l, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	pair, err := tls.X509KeyPair(both, both)
	if err != nil {
		t.Fatal(err)
	}
	r.client = &http.Client{Transport: &http.Transport{
		// Ganeti's clients trust the one certificate, whatever name it has.
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}}
	for _, name := range nodes {
		if err := r.Add(NodeSpec{Name: name, UUID: "uuid-" + name, Address: name, Memory: 1000, Storage: 5000}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// call makes a call and returns its result, or the node's error.
func (r *rig) call(node, name string, args ...interface{}) (json.RawMessage, error) {
	r.t.Helper()
	if args == nil {
		args = []interface{}{}
	}
	body, err := json.Marshal(args)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	address := r.addresses[net.JoinHostPort(node, "1811")]
	r.mu.Unlock()
	answer, err := r.client.Post("https://"+address+"/"+name, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var pair [2]json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&pair); err != nil {
		return nil, err
	}
	if string(pair[0]) != "true" {
		return nil, errors.New(string(pair[1]))
	}
	return pair[1], nil
}

func (r *rig) must(node, name string, args ...interface{}) json.RawMessage {
	r.t.Helper()
	result, err := r.call(node, name, args...)
	if err != nil {
		r.t.Fatalf("%s on %s: %v", name, node, err)
	}
	return result
}

type object = map[string]interface{}

// mirror is a drbd disk of web as the configuration has it.
func mirror(primary, secondary string, port interface{}) object {
	part := func(suffix string, size int) object {
		return object{"dev_type": "plain", "logical_id": []string{VolumeGroup, "web." + suffix}, "size": size}
	}
	return object{
		"dev_type": "drbd", "logical_id": []interface{}{"uuid-" + primary, "uuid-" + secondary, port, 0, 0, "s"}, "size": 100,
		"iv_name": "disk/0", "uuid": "uuid-disk", "children": []object{part("data", 100), part("meta", metaSize)},
	}
}

func web(disk object) object {
	return object{"name": "web", "hypervisor": "kvm", "os": "noop", "beparams": object{"maxmem": 128, "vcpus": 1}, "disks_info": []object{disk}}
}

// onAB lets web run on a with its mirror on b.
func (r *rig) onAB() object {
	d := mirror("a", "b", 11000)
	r.Place(Placement{Instance: "web", Hypervisor: "kvm", Memory: 128, Nodes: []string{"a", "b"}, Disks: []interface{}{d}, RunsOn: []string{"a"}})
	return d
}

func (r *rig) wantContent(node, want string) {
	r.t.Helper()
	if got := r.Content("web", node); got != want {
		r.t.Errorf("on %s: %q, want %q", node, got, want)
	}
}

// wantIncidents wants just these kinds, in order.
func (r *rig) wantIncidents(want ...Kind) {
	r.t.Helper()
	got := r.Incidents()
	same := len(got) == len(want)
	for k := 0; same && k < len(got); k++ {
		same = got[k].Kind == want[k]
	}
	if !same {
		r.t.Errorf("incidents %q, want %q", got, want)
	}
}

// fails wants a call to fail with an error that contains the text.
func (r *rig) fails(want, node, name string, args ...interface{}) {
	r.t.Helper()
	if _, err := r.call(node, name, args...); !strings.Contains(errorText(err), want) || err == nil {
		r.t.Errorf("%s on %s: %v, want %q", name, node, err, want)
	}
}

// activate assembles a disk as the master does: first on both nodes, then as primary.
func (r *rig) activate(d object, primary, secondary string) {
	r.t.Helper()
	r.must(primary, "blockdev_assemble", d, web(d), false, 0)
	if secondary != "" {
		r.must(secondary, "blockdev_assemble", d, web(d), false, 0)
	}
	r.must(primary, "blockdev_assemble", d, web(d), true, 0)
}

// start activates a disk on one node alone and starts web there.
func (r *rig) start(node string, d object) {
	r.t.Helper()
	r.activate(d, node, "")
	r.must(node, "instance_start", web(d), false, []string{})
}

// stop shuts web down on its nodes.
func (r *rig) stop(d object, nodes ...string) {
	r.t.Helper()
	r.must(nodes[0], "instance_shutdown", web(d), 1, []string{})
	for _, node := range nodes {
		r.must(node, "blockdev_shutdown", d)
	}
}

// wantStatus wants what a node says of a disk, as "degraded ldisk_status", with the
// percentage in front while it is copied, or "null".
func (r *rig) wantStatus(node string, d object, want string) {
	r.t.Helper()
	var s *struct {
		Percent  *float64 `json:"sync_percent"`
		Degraded bool     `json:"is_degraded"`
		Local    int      `json:"ldisk_status"`
	}
	if err := json.Unmarshal(r.must(node, "blockdev_find", d), &s); err != nil {
		r.t.Fatal(err)
	}
	got := "null"
	if s != nil {
		got = fmt.Sprintf("%v %d", s.Degraded, s.Local)
		if s.Percent != nil {
			got = fmt.Sprintf("%v%% %s", *s.Percent, got)
		}
	}
	if got != want {
		r.t.Errorf("disk on %s: %s, want %s", node, got, want)
	}
}

// wantCopies wants what Copies tells of web, in lines.
func (r *rig) wantCopies(want ...string) {
	r.t.Helper()
	got := []string{}
	for _, c := range r.Copies("web") {
		got = append(got, c.String())
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		r.t.Errorf("copies %q, want %q", got, want)
	}
}
