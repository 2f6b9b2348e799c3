package bucket_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/tlsca"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

func status(code int, name string) fault.Fault {
	return fault.Fault{Kind: fault.Status, Code: code, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: "<?xml version=\"1.0\"?><Error><Code>" + name + "</Code><Message>as the server says</Message></Error>"}
}

// A write takes effect once, whatever becomes of its reply, and never takes its
// own effect for someone else's.
func TestPut_takesEffectOnceThoughItsReplyIsLost(t *testing.T) {
	for _, kinds := range [][]fault.Kind{
		{fault.DropReply}, {fault.ResetAfter}, {fault.ResetBefore}, {fault.Refuse}, {fault.CutBody},
		{fault.ResetBefore, fault.DropReply}, {fault.DropReply, fault.ResetBefore}, {fault.HTML}, {fault.Status},
		{fault.Status, fault.ResetAfter},
	} {
		t.Run(fmt.Sprint(kinds), func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			spoil := func() {
				for _, kind := range kinds {
					f := fault.Fault{Method: http.MethodPut, Kind: kind}
					if kind == fault.Status || kind == fault.HTML {
						f.Code = http.StatusServiceUnavailable
					}
					w.script.Add(f)
				}
			}
			spoil()
			one := w.put(t, "a.json", "one", "")
			w.has(t, "a.json", "one", one)
			spoil()
			two := w.put(t, "a.json", "two", one)
			w.has(t, "a.json", "two", two)
			if n := len(w.s3.Effects()); n != 2 {
				t.Errorf("%d writes took effect, want 2", n)
			}
			if n := w.count(http.MethodPut); n > 2+2*len(kinds) {
				t.Errorf("%d PUT requests", n)
			}
		})
	}
}

// The reply is lost, and someone else has the object when it is looked up.
func TestPut_isAConflictWhenAnotherCameAfterALostReply(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	one := w.put(t, "a.json", "one", "")
	w.script.Add(fault.Fault{Method: http.MethodPut, Kind: fault.DropReply, After: func() {
		found, err := w.bucket.Get(t.Context(), "a.json")
		if err != nil {
			t.Error(err)
		}
		if _, err := w.bucket.Put(t.Context(), "a.json", []byte("other"), found.Revision); err != nil {
			t.Error(err)
		}
	}})
	if _, err := w.bucket.Put(t.Context(), "a.json", []byte("two"), one); !errors.Is(err, state.ErrConflict) {
		t.Errorf("error %v, want a conflict", err)
	}
	if n := len(w.s3.Effects()); n != 3 {
		t.Errorf("%d writes took effect, want 3", n)
	}
}

func TestPut_refusesWithoutARepetition(t *testing.T) {
	for _, c := range []struct {
		fault fault.Fault
		kind  error
		text  string
	}{
		{status(409, "ConditionalRequestConflict"), state.ErrConflict, "someone else is writing it"},
		{status(409, "OperationAborted"), state.ErrConflict, ""},
		{status(412, "PreconditionFailed"), state.ErrConflict, ""},
		{status(404, "NoSuchKey"), state.ErrConflict, ""},
		{status(403, "ExpiredToken"), aws.ErrCredentials, "new session keys"},
		{status(403, "InvalidAccessKeyId"), aws.ErrCredentials, "does not exist"},
		{status(403, "AccessDenied"), nil, "s3:PutObject"},
		{status(404, "NoSuchBucket"), nil, "NoSuchBucket"},
		{status(400, "EntityTooLarge"), nil, "EntityTooLarge: as the server says"},
	} {
		t.Run(c.fault.Body, func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			w.script.Add(c.fault)
			_, err := w.bucket.Put(t.Context(), "a.json", []byte("x"), `"0123"`)
			if err == nil || (c.kind != nil && !errors.Is(err, c.kind)) || (c.kind == nil && errors.Is(err, state.ErrConflict)) ||
				!strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "s3://state/ci/a.json") {
				t.Errorf("error %v", err)
			}
			clean(t, err)
			if w.count("") != 1 || len(w.s3.Effects()) != 0 {
				t.Errorf("%d requests, effects %v", w.count(""), w.s3.Effects())
			}
		})
	}
}

func TestPut_endsWhenNothingHelps(t *testing.T) {
	for name, faults := range map[string][]fault.Fault{
		"was not written": {{Method: http.MethodPut, Times: -1, Kind: fault.Status, Code: 503}},
		"is not known":    {{Times: -1, Kind: fault.DropReply}},
		"not written":     {{Method: http.MethodPut, Times: -1, Kind: fault.ResetBefore}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			w.script.Add(faults...)
			_, err := w.bucket.Put(t.Context(), "a.json", []byte("x"), "")
			if err == nil || !strings.Contains(err.Error(), name) || errors.Is(err, state.ErrConflict) {
				t.Errorf("error %v, want it to say %q", err, name)
			}
			clean(t, err)
			if n := w.count(""); n > 6 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestPut_endsInItsTime(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	w.options.Timeout = 3 * time.Second // the handshake is a part of it
	bucket := w.open(t)
	w.script.Add(fault.Fault{Times: -1, Kind: fault.Hang})
	_, err := bucket.Put(t.Context(), "a.json", []byte("x"), "")
	if err == nil || !strings.Contains(err.Error(), "wait for an answer") || !strings.Contains(err.Error(), "not known") {
		t.Errorf("error %v", err)
	}
	if n := w.count(""); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPut_isEncryptedAndConditional(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	one := w.put(t, "a.json", "one", "")
	w.options.KMSKey = "alias/state"
	w.bucket = w.open(t)
	w.put(t, "a.json", "two", one)
	effects := w.s3.Effects()
	if len(effects) != 2 {
		t.Fatalf("effects %+v", effects)
	}
	for i, wanted := range []map[string]string{
		{"X-Amz-Server-Side-Encryption": "AES256", "If-None-Match": "*", "If-Match": "", "Content-Type": "application/json"},
		{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/state", "If-None-Match": "", "If-Match": one},
	} {
		for key, value := range wanted {
			if got := effects[i].Header.Get(key); got != value {
				t.Errorf("write %d: %s is %q, want %q", i, key, got, value)
			}
		}
	}
}

// Eight writers count together while every kind of fault strikes: the count is
// the number of the writes that said they succeeded.
func TestPut_losesAndDoublesNothingUnderFaults(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	w.put(t, "counter", "0", "")
	for i := range 12 {
		kind := []fault.Kind{fault.DropReply, fault.ResetBefore, fault.ResetAfter, fault.Refuse}[i%4]
		w.script.Add(fault.Fault{Method: http.MethodPut, Kind: kind, Skip: 3 * i})
		w.script.Add(fault.Fault{Method: http.MethodGet, Kind: kind, Skip: 7 * i})
	}
	var written atomic.Int32
	var group sync.WaitGroup
	for writer := range 8 {
		group.Go(func() {
			for range 10 {
				found, err := w.bucket.Get(t.Context(), "counter")
				if err != nil {
					continue
				}
				var n int
				_, _ = fmt.Sscan(string(found.Body), &n)
				body := fmt.Appendf(nil, "%d by %d", n+1, writer)
				if _, err := w.bucket.Put(t.Context(), "counter", body, found.Revision); err == nil {
					written.Add(1)
				} else if !errors.Is(err, state.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	found, err := w.bucket.Get(t.Context(), "counter")
	var n int32
	if _, scanErr := fmt.Sscan(string(found.Body), &n); err != nil || scanErr != nil {
		t.Fatal(err, scanErr)
	}
	// A write that took effect and was overwritten before it could be looked up counts as a conflict.
	if took := int32(len(w.s3.Effects())) - 1; n != took || n < written.Load() || written.Load() == 0 {
		t.Errorf("the counter is %d, %d writes took effect, %d said so", n, took, written.Load())
	}
}

func TestDelete_happensOnce(t *testing.T) {
	for _, kind := range []fault.Kind{fault.None, fault.DropReply, fault.ResetBefore, fault.Status} {
		t.Run(kind.String(), func(t *testing.T) {
			w := newWorld(t, tlsca.Options{})
			one := w.put(t, "a.json", "one", "")
			w.script.Add(fault.Fault{Method: http.MethodDelete, Kind: kind, Code: 500})
			if err := w.bucket.Delete(t.Context(), "a.json", one); err != nil {
				t.Error(err)
			}
			if _, err := w.bucket.Get(t.Context(), "a.json"); !errors.Is(err, state.ErrNotFound) {
				t.Errorf("get after it: %v", err)
			}
			if n := len(w.s3.Effects()); n != 2 {
				t.Errorf("effects %+v", w.s3.Effects())
			}
		})
	}
	w := newWorld(t, tlsca.Options{})
	one := w.put(t, "a.json", "one", "")
	w.script.Add(fault.Fault{Method: http.MethodDelete, Kind: fault.None, Before: func() { w.put(t, "a.json", "two", one) }})
	if err := w.bucket.Delete(t.Context(), "a.json", one); !errors.Is(err, state.ErrConflict) {
		t.Errorf("changed between look and delete: %v, want a conflict", err)
	}
}

// A write that is tried again goes over a new connection: the one that has served the look
// between the tries may be broken, which shows only when something is sent over it.
func TestPut_isTriedAgainOverANewConnection(t *testing.T) {
	w := newWorld(t, tlsca.Options{})
	type exchange struct{ method, from string }
	var mu sync.Mutex
	var seen []exchange
	serve := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, exchange{r.Method, r.RemoteAddr})
		mu.Unlock()
		serve.ServeHTTP(rw, r)
	})
	w.script.Add(fault.Fault{Method: http.MethodPut, Kind: fault.ResetBefore})
	w.put(t, "a.json", "one", "")
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 3 || seen[1].method != http.MethodGet || seen[2].method != http.MethodPut {
		t.Fatalf("the exchanges were %v, want a write, a look and a write", seen)
	}
	if seen[1].from == seen[2].from {
		t.Errorf("the second write came over the connection of the look: %v", seen)
	}
}
