package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
)

// front is before the director. It can hold the reply to a deploy that was
// accepted, and with it all that is asked after: an acceptance that is slow to
// arrive, however the client asks for it. And it can change what is deployed.
type front struct {
	look func(context.Context) config // at the pipeline, when a deploy is asked for

	mu    sync.Mutex
	until func(context.Context)
	held  chan struct{} // closed when the replies are let go; nil while none are held
	seen  []config

	change func(manifest []byte) ([]byte, error) // nil: it stays as it was sent
}

// seenAt is the pipeline as it was when the nth deploy was asked for, from 0.
func (f *front) seenAt(n int) config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n >= len(f.seen) {
		return config{}
	}
	return f.seen[n]
}

// hold holds the reply to the next deploy until the function returns.
func (f *front) hold(until func(context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = until
}

// begin begins to hold replies, if that was asked for.
func (f *front) begin(ctx context.Context, seen config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, seen)
	until := f.until
	if until == nil {
		return
	}
	held := make(chan struct{})
	f.until, f.held = nil, held
	go func() {
		until(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held = nil
		close(held)
	}()
}

func (f *front) holding() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held
}

// wrap puts it before the director, which lives as long as ctx.
func (f *front) wrap(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/deployments" {
			f.begin(ctx, f.look(r.Context()))
			if err := f.replace(r); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		held := f.holding()
		if held == nil {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		select {
		case <-held:
		case <-r.Context().Done():
			return
		}
		for key, values := range answer.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // who is gone needs no answer
	})
}

// replace changes the manifest in a request.
func (f *front) replace(r *http.Request) error {
	if f.change == nil {
		return nil
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	changed, err := f.change(sent)
	if err != nil {
		return fmt.Errorf("change the manifest: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
	r.Header.Set("Content-Length", strconv.Itoa(len(changed)))
	return nil
}
