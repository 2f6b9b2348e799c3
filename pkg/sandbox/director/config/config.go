// Package config is the configs of a simulated director: cloud, runtime and CPI configs
// with their versions, and the routes old and new that read, compare and write them.
package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/store"
)

// Config is a version of a named configuration; the newest of a type and name is current.
type Config struct {
	ID                  int
	Kind, Name, content string // "cloud", "default"
	team                string // whose admins may change it; "" for the director's
	Parsed              document.Mapping
	created             time.Time
	deleted             bool
}

// configView is a config as JSON.
type configView struct {
	Content   string  `json:"content"`
	ID        string  `json:"id"`   // "1", opaque to clients
	Type      string  `json:"type"` // "cloud"
	Name      string  `json:"name"` // "default"
	Team      *string `json:"team"`
	CreatedAt string  `json:"created_at"` // "2026-11-21 09:40:37 UTC"
	Current   bool    `json:"current"`
}

// Table is the director's table of configurations.
type Table struct {
	*store.Store
	stored func(kind, name string) // Options.StoreConfig; nil does nothing
	rows   []*Config
}

// New makes an empty table.
func New(s *store.Store, stored func(kind, name string)) *Table {
	return &Table{Store: s, stored: stored}
}

func (t *Table) view(c *Config) configView {
	view := configView{
		Content: c.content, ID: strconv.Itoa(c.ID), Type: c.Kind, Name: c.Name,
		CreatedAt: stamp(c.created), Current: t.current(c.Kind, c.Name) == c,
	}
	if c.team != "" {
		view.Team = &c.team
	}
	return view
}

// teams are those of a config: one or none.
func (c *Config) teams() []string {
	if c.team == "" {
		return nil
	}
	return []string{c.team}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Find lists configs, the newest of each type and name first, at most
// limit of each. Empty selectors match all. The caller holds the lock.
func (t *Table) Find(kind, name string, limit int) []*Config {
	found := []*Config{}
	seen := map[[2]string]int{}
	for _, c := range slices.Backward(t.rows) {
		key := [2]string{c.Kind, c.Name}
		if c.deleted || (kind != "" && kind != c.Kind) || (name != "" && name != c.Name) || seen[key] >= limit {
			continue
		}
		seen[key]++
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b *Config) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(rank(a.Name), rank(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return found
}

// rank puts the name "default" before all others.
func rank(name string) int {
	if name == "default" {
		return 0
	}
	return 1
}

// current is the newest of a type and name, nil if there is none. The caller holds the lock.
func (t *Table) current(kind, name string) *Config {
	if found := t.Find(kind, name, 1); len(found) > 0 {
		return found[0]
	}
	return nil
}

// save makes a new version unless the content is the current one. The caller holds the lock.
func (t *Table) save(kind, name, content string, parsed document.Mapping) (c *Config, created bool) {
	return t.saveOver(t.current(kind, name), kind, name, content, parsed)
}

// saveOver makes a new version unless the content is that of current, the
// version that was the current one when it was looked for. The caller holds the lock.
func (t *Table) saveOver(current *Config, kind, name, content string, parsed document.Mapping) (c *Config, created bool) {
	if kind == "runtime" { // the director makes versions of releases strings, and writes the text again for that
		content = document.Dump(parsed)
	}
	if current != nil && current.content == content {
		return current, false
	}
	c = &Config{ID: t.Next("config"), Kind: kind, Name: name, content: content, Parsed: parsed, created: t.Now()}
	t.rows = append(t.rows, c)
	return c, true
}

// Seed writes the default cloud config. It fails if that is not a YAML mapping. The caller
// holds the lock.
func (t *Table) Seed(cloud string) error {
	parsed, f := parseContent(cloud)
	if f != nil {
		return fmt.Errorf("read cloud config: %w", f)
	}
	t.save("cloud", "default", cloud, parsed)
	return nil
}

// configRequest is the body of POST /configs and /configs/diff.
type configRequest struct {
	Type     *string         `json:"type"`
	Name     *string         `json:"name"`
	Content  *string         `json:"content"`
	Expected json.RawMessage `json:"expected_latest_id"` // "2"; absent: any
	From     *configSide     `json:"from"`
	To       *configSide     `json:"to"`
}

// configSide is one side of a diff, by id or by content.
type configSide struct {
	ID      *string `json:"id"`
	Content *string `json:"content"`
}

func parseContent(content string) (document.Mapping, *api.Failure) {
	v, err := document.Parse([]byte(content))
	if err != nil {
		return nil, api.NewFailure(440011, "Config must be valid YAML: %s", document.Psych(err))
	}
	m, ok := v.(document.Mapping)
	if !ok {
		return nil, api.NewFailure(440011, "YAML hash expected")
	}
	return m, nil
}

// readConfigRequest reads a body; after a failure the answer is written.
func readConfigRequest(c *api.Call) (*configRequest, bool) {
	body, ok := c.ReadBody()
	if !ok {
		return nil, false
	}
	var request configRequest
	if err := json.Unmarshal(body, &request); err != nil {
		c.Fail(http.StatusBadRequest, api.NewFailure(710001, "Invalid JSON request body: unexpected token at '%s'", body))
		return nil, false
	}
	return &request, true
}

// named says what is missing for a request that names its config.
func (r *configRequest) named() *api.Failure {
	for _, f := range []struct {
		key   string
		value *string
	}{{"type", r.Type}, {"name", r.Name}} {
		if f.value == nil || *f.value == "" {
			return api.NewFailure(440010, "'%s' is required", f.key)
		}
	}
	return nil
}

// ByIDs are the versions of those ids. The caller holds the lock.
func (t *Table) ByIDs(ids []int) []*Config {
	found := []*Config{}
	for _, c := range t.rows {
		if slices.Contains(ids, c.ID) {
			found = append(found, c)
		}
	}
	return found
}
