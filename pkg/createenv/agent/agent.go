// Package agent reaches the BOSH agent on the VM that create-env makes: only one whose
// certificate is that of the manifest, and only until the run is to stop.
package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	biagent "github.com/cloudfoundry/bosh-agent/v2/agentclient"
	bihttpagent "github.com/cloudfoundry/bosh-agent/v2/agentclient/http"
	"github.com/cloudfoundry/bosh-utils/httpclient"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

const (
	// answerPatience is how long an agent may take to answer: "start" is not a task.
	answerPatience = 10 * time.Minute
	// blips is how many failed requests in a row a wait for an agent's task survives.
	blips = 10
	// askPatience is how long it may take to answer what only asks, before it is asked again.
	askPatience = 30 * time.Second
	// answerTime is how long a call under way may take to answer once the run is to stop.
	answerTime = 30 * time.Second
)

// errNoCA says that nothing could tell the VM's agent from another server.
var errNoCA = errors.New("find cloud_provider.cert.ca in the manifest: without it the agent on the VM cannot be verified")

// stopPing is what bosh-cli's wait for an agent ends at once for: it looks for
// this text in the innermost error (bosh-agent, ping_retryable.go).
const stopPing = "x509: "

// patience are the agent's methods that ask only, and may be asked again.
var patience = map[string]bool{"get_task": true, "get_state": true, "ping": true, "list_disk": true}

// Options configure a client of the agent.
type Options struct {
	// Poll is the wait between two looks at an agent that is not ready or at a task of it.
	Poll time.Duration
	// Check says why no further request may begin, or nil.
	Check  func() error
	Logger boshlog.Logger
}

// maxAnswer bounds what is read of an answer: it holds a log.
const maxAnswer = 64 << 20

// NewClient makes the client of the agent at mbus, "https://mbus:…@10.0.0.6:6868", and the
// one for its blobs. Both verify the agent's certificate with ca, in PEM.
func NewClient(ctx context.Context, directorID, mbus, ca string, o Options) (biagent.AgentClient, *http.Client, error) {
	if ca == "" {
		return nil, nil, errNoCA
	}
	wire, err := retry.NewClient(retry.Options{
		CACert: ca, Policy: retry.Never, HeaderTimeout: answerPatience,
		Wrap: func(t *http.Transport) (http.RoundTripper, error) {
			// The next VM has the same address: a connection to the last one would hang.
			t.DisableKeepAlives = true
			return t, nil
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("trust cloud_provider.cert.ca: %w", err)
	}
	calls := &doer{ctx: ctx, wire: wire, check: o.Check, poll: o.Poll}
	client := bihttpagent.NewAgentClient(mbus, directorID, o.Poll, 0, httpclient.NewHTTPClient(calls, o.Logger), o.Logger)
	blobs := &http.Client{Transport: blobTransport{ctx: ctx, wire: wire.Transport, check: o.Check}}
	return client, blobs, nil
}

// doer sends requests to the agent. It ends waits when the run is to stop,
// and survives a few failures of requests that only ask.
type doer struct {
	ctx   context.Context
	wire  *http.Client
	check func() error
	poll  time.Duration
}

// Do implements bosh-utils' httpclient.Client.
func (d *doer) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, fmt.Errorf("read the request to the agent: %w", err)
	}
	var m struct{ Method string }
	_ = json.Unmarshal(body, &m)
	for try := 1; ; try++ {
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("%s%w", stopPing, err)
		}
		crash.Here("createenv-before-agent " + m.Method)
		response, err := d.send(request, body, patience[m.Method])
		crash.Here("createenv-after-agent " + m.Method)
		if err == nil || try > blips || !patience[m.Method] || m.Method == "ping" {
			return response, err
		}
		select {
		case <-d.ctx.Done():
		case <-time.After(d.poll):
		}
	}
}

// send sends the request once and reads the whole answer. A call that asks only
// is given up when the run is to stop; any other may still answer for a while.
func (d *doer) send(request *http.Request, body []byte, asks bool) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(d.ctx))
	defer cancel(nil)
	if asks {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, askPatience)
		defer done()
	}
	stop := context.AfterFunc(d.ctx, func() {
		if !asks {
			select {
			case <-ctx.Done():
				return
			case <-time.After(crash.Scale(answerTime)):
			}
		}
		cancel(cause.Stopped(d.ctx))
	})
	defer stop()
	r := request.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := d.wire.Do(r) //nolint:gosec // the addresses are those of the VM and of the pinned files
	if err != nil {
		if stop := cause.Stopped(d.ctx); stop != nil {
			return nil, fmt.Errorf("%s%w", stopPing, stop)
		}
		return nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the agent's answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	return response, nil
}

// blobTransport sends blobs to the agent until the run is to stop: a blob that was
// sent half is sent again to the next VM.
type blobTransport struct {
	ctx   context.Context
	wire  http.RoundTripper
	check func() error
}

// RoundTrip implements http.RoundTripper.
func (t blobTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.wire.RoundTrip(r.WithContext(t.ctx))
}
