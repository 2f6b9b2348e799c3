package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/perpetual-ci/perpetual/pkg/createenv/agent"
)

// peer is an agent that hangs up on the first calls.
type peer struct {
	*httptest.Server
	mu    sync.Mutex
	drops int
	calls []string
}

func newPeer(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ Method string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		p.calls = append(p.calls, m.Method)
		drop := p.drops > 0
		p.drops--
		p.mu.Unlock()
		if drop {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{"value": {"job_state": "running"}}`)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// drop makes the peer hang up on the next n calls.
func (p *peer) drop(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = n
}

// asked are the methods that were called.
func (p *peer) asked() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, " ")
}

// ca is what a client must trust to reach the peer.
func (p *peer) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}))
}

func options(check func() error) agent.Options {
	return agent.Options{Poll: time.Millisecond, Check: check, Logger: boshlog.NewLogger(boshlog.LevelNone)}
}

// What only asks is asked again when nothing comes back; what the agent may have done is not.
func TestClient_asksAgainOnlyWhatChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	client, _, err := agent.NewClient(t.Context(), "director", p.URL, p.ca(), options(func() error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	p.drop(3)
	if state, err := client.GetState(); err != nil || state.JobState != "running" {
		t.Errorf("state %+v, error %v", state, err)
	}
	p.drop(1)
	if err := client.Start(); err == nil {
		t.Error("a start of which nothing came back is taken for one")
	}
	if got := p.asked(); got != "get_state get_state get_state get_state start" {
		t.Errorf("the agent was asked %s", got)
	}
}

// Without a certificate that the agent could be known by, nobody is spoken to.
func TestNewClient_wantsTheCertificateOfTheManifest(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	for name, ca := range map[string]string{"none": "", "no certificate": "nonsense"} {
		if _, _, err := agent.NewClient(t.Context(), "director", p.URL, ca, options(nil)); err == nil || !strings.Contains(err.Error(), "cloud_provider.cert.ca") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// An agent whose certificate another authority has signed is not spoken to.
func TestClient_speaksToNoOtherAgent(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	client, _, err := agent.NewClient(t.Context(), "director", p.URL, authority(t), options(func() error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetState(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v", err)
	}
	if got := p.asked(); got != "" {
		t.Errorf("the agent was asked %s", got)
	}
}

// authority is the certificate of an authority that has signed nothing.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Once the run is to stop, neither a call nor a blob begins.
func TestClient_beginsNothingOnceTheRunStops(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	stop := errors.New("told to stop")
	client, blobs, err := agent.NewClient(t.Context(), "director", p.URL, p.ca(), options(func() error { return stop }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetState(); err == nil || !strings.Contains(err.Error(), stop.Error()) {
		t.Errorf("error %v", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL+"/blobs/a", strings.NewReader("blob"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := blobs.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, stop) || p.asked() != "" {
		t.Errorf("error %v, the agent was asked %q", err, p.asked())
	}
}
