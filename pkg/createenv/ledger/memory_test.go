package ledger

import "context"

// memory are documents in memory.
type memory struct {
	bodies map[string][]byte
	broken error // of every write
	writes int
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) { return m.bodies[name], nil }

func (m *memory) Put(_ context.Context, name string, body []byte) error {
	m.writes++
	if m.broken == nil {
		m.bodies[name] = body
	}
	return m.broken
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.writes++
	if m.broken == nil {
		delete(m.bodies, name)
	}
	return m.broken
}
