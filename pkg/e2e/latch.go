package main

import (
	"net/http"
	"sync"
)

// latch is what other teams' builds wait for: it answers 404 until a name has
// been given, "/NAME".
type latch struct {
	mu    sync.Mutex
	given map[string]bool
}

func (l *latch) give(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given == nil {
		l.given = map[string]bool{}
	}
	l.given[name] = true
}

// take takes a name back: who waits for it from now on waits until it is given again.
func (l *latch) take(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.given, name)
}

// ServeHTTP implements http.Handler.
func (l *latch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.given[r.URL.Path[1:]] {
		http.NotFound(w, r)
	}
}
