package director

import (
	"net/http"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// oldConfigView is a config as the routes of one type give it.
type oldConfigView struct {
	Properties string `json:"properties"` // the YAML text
	CreatedAt  string `json:"created_at"` // "2026-11-21 09:40:37 UTC"
}

// oldName is the name that those routes mean.
func oldName(c *call) string {
	if name := c.query.Get("name"); name != "" {
		return name
	}
	return "default"
}

func (t *configs) listOldConfigs(c *call, kind string) {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil {
		c.empty(http.StatusBadRequest)
		return
	}
	t.Lock()
	defer t.Unlock()
	views := []oldConfigView{}
	for _, found := range t.find(kind, oldName(c), limit) {
		views = append(views, oldConfigView{found.content, stamp(found.created)})
	}
	c.list(views)
}

// readOldConfig reads a YAML body; after a failure the answer is written.
func (c *call) readOldConfig() (string, document.Mapping, bool) {
	text, doc, f := c.yaml()
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return "", nil, false
	}
	return text, doc, true
}

func (t *configs) postOldConfig(c *call, kind string) {
	text, document, ok := c.readOldConfig()
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	saved, created := t.save(kind, oldName(c), text, document)
	if created {
		t.written(c, saved, auditEvent{Action: "update", ObjectType: kind + "-config"})
	}
	c.html(http.StatusCreated, "")
}

func (t *configs) diffOldConfig(c *call, kind string) {
	_, after, ok := c.readOldConfig()
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	var before document.Mapping
	if current := t.current(kind, oldName(c)); current != nil {
		before = current.parsed
	}
	c.list(map[string]any{"diff": document.Diff(before, after, true)})
}
