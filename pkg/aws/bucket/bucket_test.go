package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// calls are all the calls of a bucket.
func calls(b *bucket.Bucket) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { _, err := b.Get(ctx, "a.json"); return err },
		"put":    func(ctx context.Context) error { _, err := b.Put(ctx, "a.json", []byte("x"), ""); return err },
		"delete": func(ctx context.Context) error { return b.Delete(ctx, "a.json", `"x"`) },
		"list":   func(ctx context.Context) error { _, err := b.List(ctx, ""); return err },
		"now":    func(ctx context.Context) error { _, err := b.Now(ctx); return err },
	}
}

func TestBucket_saysWhyEveryCallFailed(t *testing.T) {
	for name, c := range map[string]struct {
		fault    fault.Fault
		requests int // at most
		text     string
		kind     error
	}{
		"expired token":   {status(403, "ExpiredToken"), 1, "new session keys", aws.ErrCredentials},
		"wrong secret":    {status(403, "SignatureDoesNotMatch"), 1, "does not belong to the access key", aws.ErrCredentials},
		"denied":          {status(403, "AccessDenied"), 1, "s3:ListBucket", nil},
		"no bucket":       {status(404, "NoSuchBucket"), 1, "NoSuchBucket", nil},
		"500 forever":     {status(500, "InternalError"), 6, "S3 answered 500 InternalError", nil},
		"503 forever":     {status(503, "SlowDown"), 6, "S3 answered 503 SlowDown", nil},
		"dropped forever": {fault.Fault{Kind: fault.DropReply}, 6, "reach 127.0.0.1", nil},
		"login page":      {fault.Fault{Kind: fault.HTML, Code: 403}, 1, "S3 answered 403", nil},
		"other region": {fault.Fault{Kind: fault.Status, Code: 301, Header: http.Header{"X-Amz-Bucket-Region": {"us-west-2"}},
			Body: "<Error><Code>PermanentRedirect</Code></Error>"}, 1, "us-west-2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			c.fault.Times = -1
			w.script.Add(c.fault)
			for call, run := range calls(w.bucket) {
				w.script.Forget()
				err := run(t.Context())
				if err == nil || !strings.Contains(err.Error(), c.text) || (c.kind != nil && !errors.Is(err, c.kind)) ||
					errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrConflict) {
					t.Errorf("%s: %v", call, err)
				}
				clean(t, err)
				if n := w.count(""); n == 0 || n > c.requests {
					t.Errorf("%s: %d requests, at most %d", call, n, c.requests)
				}
			}
		})
	}
}

func TestBucket_asksAgainWhatItOnlyReads(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.ResetBefore}, {Kind: fault.DropReply}, {Kind: fault.CutBody, Bytes: 1}, {Kind: fault.Status, Code: 503}, {Kind: fault.Status, Code: 500},
		{Kind: fault.SlowBody, Bytes: 2, Pause: time.Millisecond},
	} {
		t.Run(f.Kind.String(), func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			one := w.put(t, "a.json", "one", "")
			w.script.Add(f)
			found, err := w.bucket.Get(t.Context(), "a.json")
			if err != nil || string(found.Body) != "one" || found.Revision != one {
				t.Errorf("get: %q at %q, %v", found.Body, found.Revision, err)
			}
			w.script.Add(f)
			if names, err := w.bucket.List(t.Context(), ""); err != nil || len(names) != 1 || names[0] != "a.json" {
				t.Errorf("list: %q, %v", names, err)
			}
			w.script.Add(f)
			if _, err := w.bucket.Now(t.Context()); err != nil {
				t.Errorf("now: %v", err)
			}
		})
	}
}

func TestBucket_refusesAnswersThatAreNotOfS3(t *testing.T) {
	for _, kind := range []fault.Kind{fault.HTML, fault.Garbage} {
		w := newWorld(t, tlsca.Options{})
		w.put(t, "a.json", "one", "")
		w.script.Add(fault.Fault{Kind: kind, Times: -1})
		for call, run := range calls(w.bucket) {
			err := run(t.Context())
			if err == nil || errors.Is(err, state.ErrConflict) || errors.Is(err, state.ErrNotFound) {
				t.Errorf("%s, %s: %v", kind, call, err)
			}
			clean(t, err)
		}
	}
}

func TestBucket_boundsWhatItReads(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	w.script.Add(fault.Fault{Kind: fault.Status, Code: 200, Times: -1, Body: strings.Repeat("x", state.MaxDocument+1)})
	if _, err := w.bucket.Get(t.Context(), "a.json"); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v", err)
	}
}

func TestBucket_trustsOnlyItsCA(t *testing.T) {
	other, err := tlsca.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server tlsca.Options
		ca     string // empty: the system's
		text   string
	}{
		"another CA":  {tlsca.Options{}, other.PEM(), "with the given ca_cert"},
		"system CAs":  {tlsca.Options{}, "", "ca_cert is not set"},
		"expired":     {tlsca.Options{Expired: true}, "own", "expired"},
		"self-signed": {tlsca.Options{SelfSigned: true}, "own", "certificate"},
		"wrong host":  {tlsca.Options{Hosts: []string{"s3.example.com"}}, "own", "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.server)
			if c.ca != "own" {
				w.options.CACert = c.ca
			}
			for call, run := range calls(w.open(t)) {
				if err := run(t.Context()); err == nil || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: %v, want %q", call, err, c.text)
				}
			}
			if n := w.count(""); n > 0 {
				t.Errorf("%d requests reached the server", n)
			}
		})
	}
}

// The certificates of AWS_CA_BUNDLE are trusted where none are given, and only there.
func TestBucket_trustsTheCABundleOfTheEnvironment(t *testing.T) {
	w, other := newWorld(t, tlsca.Options{}), newWorld(t, tlsca.Options{})
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, []byte(w.ca.PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		world  *world
		given  bool
		bundle string
		works  bool
	}{
		{w, false, file, true},
		{w, true, file, true},
		{other, true, file, true},
		{other, false, file, false},
	} {
		o := c.world.options
		if !c.given {
			o.CACert = ""
		}
		o.Env = func(name string) string { return map[string]string{"AWS_CA_BUNDLE": c.bundle}[name] }
		b, err := bucket.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.List(t.Context(), ""); (err == nil) != c.works {
			t.Errorf("with a CA that is given (%t), that of its server in the environment (%t): %v", c.given, c.world == w, err)
		}
	}
	o := w.options
	for name, text := range map[string]string{"absent": "", "empty": "", "without PEM": "no pem"} {
		bad := filepath.Join(t.TempDir(), "bad.pem")
		if name != "absent" {
			if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o.CACert, o.Env = "", func(name string) string { return map[string]string{"AWS_CA_BUNDLE": bad}[name] }
		_, err := bucket.New(o)
		if err == nil || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") || !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "ca_cert") {
			t.Errorf("a bundle that is %s: %v", name, err)
		}
	}
}

func TestBucket_followsNoRedirection(t *testing.T) {
	var reached atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer elsewhere.Close()
	w := newWorld(t, tlsca.Options{})
	for _, code := range []int{301, 302, 307, 308} {
		w.script.Clear()
		w.script.Add(fault.Fault{Kind: fault.Redirect, Code: code, To: elsewhere.URL + "/state/ci/a.json", Times: -1})
		for call, run := range calls(w.bucket) {
			if err := run(t.Context()); err == nil {
				t.Errorf("%s succeeded after %d", call, code)
			}
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestBucket_endsWithItsContext(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	w.script.Add(fault.Fault{Kind: fault.Hang, Times: -1})
	for call, run := range calls(w.bucket) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		err := run(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// A clock that is a day off changes nothing, and Now is the server's time.
func TestBucket_worksWithAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour, 10 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			w.s3.Shift(off)
			one := w.put(t, "a.json", "one", "")
			w.has(t, "a.json", "one", one)
			now, err := w.open(t).Now(t.Context())
			if d := time.Until(now) - off; err != nil || d.Abs() > time.Minute {
				t.Errorf("now is %s, %s off (%v)", now, d, err)
			}
			found, err := w.bucket.Get(t.Context(), "a.json")
			if d := now.Sub(found.Modified); err != nil || d.Abs() > time.Minute {
				t.Errorf("modified %s, now %s (%v)", found.Modified, now, err)
			}
			if n := w.count(http.MethodPut); n > 2 {
				t.Errorf("%d PUT requests", n)
			}
		})
	}
}

func TestBucket_listsPages(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	for i := range 1234 {
		w.put(t, fmt.Sprintf("journal/%04d.json", i), "x", "")
	}
	w.script.Forget()
	names, err := w.bucket.List(t.Context(), "journal/")
	if err != nil || len(names) != 1234 || names[1233] != "journal/1233.json" || w.count("") != 2 {
		t.Errorf("%d names in %d requests, %v", len(names), w.count(""), err)
	}
}

func TestNew_refusesWrongOptions(t *testing.T) {
	none := func(string) string { return "" }
	good := bucket.Options{Bucket: "state", Region: "eu-central-1", Env: none}
	if _, err := bucket.New(good); err != nil {
		t.Fatal(err)
	}
	for text, change := range map[string]func(*bucket.Options){
		"not a valid S3 bucket name": func(o *bucket.Options) { o.Bucket = "State!" },
		"no region":                  func(o *bucket.Options) { o.Region = "" },
		"leading slash":              func(o *bucket.Options) { o.Prefix = "/ci" },
		"prefix":                     func(o *bucket.Options) { o.Prefix = "a/../b" },
		"https only":                 func(o *bucket.Options) { o.Endpoint = "http://s3.example.com" },
		"not a URL":                  func(o *bucket.Options) { o.Endpoint = "https://user:pass@s3.example.com" },
		"ca_cert":                    func(o *bucket.Options) { o.CACert = "no pem" },
		"one is missing":             func(o *bucket.Options) { o.Credentials.AccessKey = "AKIA" },
		"go together":                func(o *bucket.Options) { o.Credentials.IdentityToken = secret.New("t") },
		"AWS_ROLE_ARN": func(o *bucket.Options) {
			o.Env = func(k string) string { return map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/f"}[k] }
		},
		"travel in the open": func(o *bucket.Options) {
			o.Env = func(k string) string {
				return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}[k]
			}
		},
	} {
		o := good
		change(&o)
		if _, err := bucket.New(o); err == nil || !strings.Contains(err.Error(), text) || (text == "ca_cert") != errors.Is(err, retry.ErrCACert) {
			t.Errorf("error %v, want %q", err, text)
		}
	}
}
