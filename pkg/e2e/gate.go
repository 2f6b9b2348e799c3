package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
)

// gate is before the director. It can hold the reply to a deploy that was
// accepted, and with it all that is asked after: an acceptance that is slow to
// arrive, however the client asks for it.
type gate struct {
	look func(context.Context) config // at the pipeline, when a deploy is asked for

	mu    sync.Mutex
	until func(context.Context)
	held  chan struct{} // closed when the replies are let go; nil while none are held
	seen  []config
}

// seenAt is the pipeline as it was when the nth deploy was asked for, from 0.
func (g *gate) seenAt(n int) config {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n >= len(g.seen) {
		return config{}
	}
	return g.seen[n]
}

// hold holds the reply to the next deploy until the function returns.
func (g *gate) hold(until func(context.Context)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = until
}

// begin begins to hold replies, if that was asked for.
func (g *gate) begin(ctx context.Context, seen config) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, seen)
	until := g.until
	if until == nil {
		return
	}
	held := make(chan struct{})
	g.until, g.held = nil, held
	go func() {
		until(ctx)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.held = nil
		close(held)
	}()
}

func (g *gate) holding() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// wrap puts the gate before the director, which lives as long as ctx.
func (g *gate) wrap(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/deployments" {
			g.begin(ctx, g.look(r.Context()))
		}
		held := g.holding()
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

// latch is what other teams' builds wait for: it answers 404 until a name has
// been given, "/NAME".
type latch struct {
	mu    sync.Mutex
	given map[string]bool
}

func (s *latch) give(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil {
		s.given = map[string]bool{}
	}
	s.given[name] = true
}

// ServeHTTP implements http.Handler.
func (s *latch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.given[r.URL.Path[1:]] {
		http.NotFound(w, r)
	}
}
