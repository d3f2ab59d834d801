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
	"math/big"
	"net"
	"net/http"
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
	r.Fleet, err = New(Options{Certificate: both, Master: "master", Version: 3000000, Listen: func(address string) (net.Listener, error) {
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
		"children": []object{part("data", 100), part("meta", metaSize)},
	}
}

func web(disk object) object {
	return object{"name": "web", "hypervisor": "kvm", "os": "noop", "beparams": object{"maxmem": 128, "vcpus": 1}, "disks_info": []object{disk}}
}

// onAB lets web run on a with its mirror on b.
func (r *rig) onAB() object {
	d := mirror("a", "b", 11000)
	r.Place(Placement{Instance: "web", Hypervisor: "kvm", Memory: 128, Nodes: []string{"a", "b"}, Disks: []interface{}{d}, Running: true})
	return d
}

func (r *rig) wantContent(node, want string) {
	r.t.Helper()
	if got := r.Content("web", node); got != want {
		r.t.Errorf("on %s: %q, want %q", node, got, want)
	}
}

func (r *rig) wantIncidents(n int) {
	r.t.Helper()
	if got := r.Incidents(); len(got) != n {
		r.t.Errorf("incidents %q, want %d", got, n)
	}
}
