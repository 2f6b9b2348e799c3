package bucket_test

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/s3"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	accessKey = "AKIATESTTESTTEST"
	secretKey = "s3cret-canary-key"
)

// world is an S3 server whose wire a test spoils, and a bucket on it.
type world struct {
	script  fault.Script
	s3      *s3.Server
	server  *httptest.Server
	ca      *tlsca.CA
	options bucket.Options
	bucket  *bucket.Bucket
}

// newWorld serves over TLS with a certificate as o says.
func newWorld(t *testing.T, o tlsca.Options) *world {
	t.Helper()
	w := &world{}
	var err error
	if w.s3, err = s3.New("state"); err != nil {
		t.Fatal(err)
	}
	if w.ca, err = tlsca.New(); err != nil {
		t.Fatal(err)
	}
	config, err := w.ca.Config(o)
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(w.script.Wrap(w.s3))
	w.server.TLS, w.server.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	t.Cleanup(w.script.Close)
	w.options = bucket.Options{
		Bucket: "state", Prefix: "ci/", Region: "eu-central-1", Endpoint: w.server.URL, PathStyle: true, CACert: w.ca.PEM(),
		Credentials: aws.Credentials{AccessKey: accessKey, SecretKey: secret.New(secretKey)},
		Policy:      retry.Policy{Attempts: 3, First: time.Millisecond, Max: 10 * time.Millisecond},
		Timeout:     10 * time.Second,
		Env:         func(string) string { return "" },
	}
	w.bucket = w.open(t)
	return w
}

// open makes a bucket of the options as they are now.
func (w *world) open(t *testing.T) *bucket.Bucket {
	t.Helper()
	b, err := bucket.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes and fails the test if that fails.
func (w *world) put(t *testing.T, name, body, revision string) string {
	t.Helper()
	next, err := w.bucket.Put(t.Context(), name, []byte(body), revision)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// has fails the test unless the object has that body.
func (w *world) has(t *testing.T, name, body, revision string) {
	t.Helper()
	w.script.Clear()
	found, err := w.bucket.Get(t.Context(), name)
	if err != nil || string(found.Body) != body || found.Revision != revision {
		t.Errorf("%s has %q at %q (%v), want %q at %q", name, found.Body, found.Revision, err, body, revision)
	}
}

// count is how many requests of a method came; all if that is "".
func (w *world) count(method string) int {
	n := 0
	for _, r := range w.script.Seen() {
		if method == "" || r.Method == method {
			n++
		}
	}
	return n
}

// clean fails the test if the error shows a secret or more than one line.
func clean(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("the error shows too much: %q", err)
	}
}
