package director

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

func (t *configs) routes() []route {
	routes := []route{
		{method: "GET", path: "/configs", needs: needsConfigList, handle: t.list},
		{method: "GET", path: "/configs/:id", needs: needsRead, handle: t.show},
		{method: "POST", path: "/configs", needs: needsTeam, consumes: consumesJSON, handle: t.post},
		{method: "POST", path: "/configs/diff", needs: needsConfigList, consumes: consumesJSON, handle: t.compare},
		{method: "DELETE", path: "/configs", needs: needsTeam, handle: t.remove},
		{method: "DELETE", path: "/configs/:id", needs: needsTeam, handle: t.removeByID},
	}
	for _, kind := range []string{"cloud", "runtime", "cpi"} {
		path := "/" + kind + "_configs"
		routes = append(routes,
			route{method: "GET", path: path, needs: needsRead, handle: func(c *call) { t.listOldConfigs(c, kind) }},
			route{method: "POST", path: path, consumes: consumesYAML, handle: func(c *call) { t.postOldConfig(c, kind) }},
			route{method: "POST", path: path + "/diff", consumes: consumesYAML, handle: func(c *call) { t.diffOldConfig(c, kind) }},
		)
	}
	return routes
}

func (t *configs) list(c *call) {
	limit := 1
	if c.query.Get("latest") == "false" {
		limit = math.MaxInt
	}
	if text := c.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			c.fail(http.StatusBadRequest, failure(440010, "'limit' must be a number"))
			return
		}
		if n < 1 {
			c.fail(http.StatusBadRequest, failure(440010, "'limit' must be larger than zero"))
			return
		}
		limit = n
	}
	if latest := c.query.Get("latest"); c.query.Has("latest") && latest != "true" && latest != "false" {
		c.fail(http.StatusBadRequest, failure(440010, "'latest' must be 'true' or 'false'"))
		return
	}
	t.Lock()
	defer t.Unlock()
	views := []configView{}
	for _, found := range t.find(c.query.Get("type"), c.query.Get("name"), limit) {
		if c.mayRead(found.teams()) {
			views = append(views, t.view(found))
		}
	}
	c.list(views)
}

// byID finds a config; without one the answer is written. The caller holds the lock.
func (t *configs) byID(c *call, id string) *config {
	for _, found := range t.rows {
		if strconv.Itoa(found.id) == id && !found.deleted {
			return found
		}
	}
	c.fail(http.StatusNotFound, failure(440012, "Config %s not found", id))
	return nil
}

func (t *configs) show(c *call) {
	t.Lock()
	defer t.Unlock()
	if found := t.byID(c, c.params["id"]); found != nil {
		c.list(t.view(found))
	}
}

// post answers POST /configs: a new version, or 412 if the current one is not the expected.
func (t *configs) post(c *call) {
	request, ok := c.readConfigRequest()
	if !ok {
		return
	}
	f := request.named()
	var parsed document.Mapping
	if f == nil {
		content := ""
		if request.Content != nil {
			content = *request.Content
		}
		parsed, f = parseContent(content)
	}
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return
	}
	t.Lock()
	latest := "0"
	current := t.current(*request.Type, *request.Name)
	if current != nil {
		latest = strconv.Itoa(current.id)
	}
	t.Unlock()
	expected := strings.Trim(string(request.Expected), `"`)
	if expected != "" && expected != "null" && expected != latest {
		c.html(http.StatusPreconditionFailed, string(encode(struct {
			Latest      string `json:"latest_id"`
			Expected    string `json:"expected_latest_id"`
			Description string `json:"description"`
		}{latest, expected, "Latest Id: '" + latest + "' does not match expected latest id"})))
		return
	}
	if current != nil && !c.owns(current.teams()) {
		return
	}
	if t.stored != nil {
		t.stored(*request.Type, *request.Name)
	}
	t.Lock()
	defer t.Unlock()
	saved, created := t.saveOver(current, *request.Type, *request.Name, *request.Content, parsed)
	if created {
		if teams := c.teams(); len(teams) > 0 {
			saved.team = teams[0]
		}
		t.written(c, saved, auditEvent{Action: "create", ObjectType: "config/" + saved.kind})
	}
	c.html(http.StatusCreated, string(encode(t.view(saved))))
}

// written records a new version. The caller holds the lock.
func (t *configs) written(c *call, saved *config, e auditEvent) {
	e.User, e.ObjectName = c.user, saved.name
	t.addEvent(e)
	t.addEffect(Effect{Kind: EffectConfig, Name: saved.kind + "/" + saved.name, User: c.user, ContextID: c.contextID})
}

func (t *configs) remove(c *call) {
	for _, key := range []string{"type", "name"} {
		if c.query.Get(key) == "" {
			c.fail(http.StatusBadRequest, failure(440010, "'%s' is required", key))
			return
		}
	}
	t.Lock()
	defer t.Unlock()
	current := t.current(c.query.Get("type"), c.query.Get("name"))
	if current == nil {
		c.noEndpoint() // an empty 404 is filled in so
		return
	}
	if !c.owns(current.teams()) {
		return
	}
	for _, found := range t.rows {
		if found.kind == c.query.Get("type") && found.name == c.query.Get("name") {
			found.deleted = true
		}
	}
	t.addEffect(Effect{Kind: EffectDelete, Name: "config/" + c.query.Get("type") + "/" + c.query.Get("name"), User: c.user})
	c.empty(http.StatusNoContent)
}

func (t *configs) removeByID(c *call) {
	t.Lock()
	defer t.Unlock()
	if found := t.byID(c, c.params["id"]); found != nil && c.owns(found.teams()) {
		found.deleted = true
		t.addEffect(Effect{Kind: EffectDelete, Name: "config/" + found.kind + "/" + found.name, User: c.user})
		c.empty(http.StatusNoContent)
	}
}

// compare answers POST /configs/diff, against the current version or between two given sides.
func (t *configs) compare(c *call) {
	request, ok := c.readConfigRequest()
	if !ok {
		return
	}
	t.Lock()
	defer t.Unlock()
	if request.From != nil && request.To != nil {
		before, ok := t.side(c, request.From)
		if !ok {
			return
		}
		if after, ok := t.side(c, request.To); ok {
			c.list(map[string]any{"diff": document.Diff(before, after, true)})
		}
		return
	}
	if f := request.named(); f != nil || request.Content == nil {
		c.fail(http.StatusBadRequest, failure(440010, "The following request formats are allowed:\n"+
			`1. {"from":<config>,"to":<config>} where <config> is either {"id":"<id>"} or {"content":"<content>"}`+"\n"+
			`2. {"type":"<type>","name":"<name>","content":"<content>"}`))
		return
	}
	after, f := parseContent(*request.Content)
	if f != nil {
		c.html(http.StatusBadRequest, string(encode(map[string]any{"diff": []any{}, "error": "Unable to diff config content: " + f.Message})))
		return
	}
	from, before := "0", document.Mapping(nil)
	if current := t.current(*request.Type, *request.Name); current != nil {
		from, before = strconv.Itoa(current.id), current.parsed
	}
	c.list(struct {
		From map[string]string `json:"from"`
		Diff [][2]any          `json:"diff"`
	}{map[string]string{"id": from}, document.Diff(before, after, true)})
}

// side reads one side of a diff; after a failure the answer is written. The caller holds the lock.
func (t *configs) side(c *call, s *configSide) (document.Mapping, bool) {
	if s.ID != nil {
		found := t.byID(c, *s.ID)
		if found == nil {
			return nil, false
		}
		return found.parsed, true
	}
	content := ""
	if s.Content != nil {
		content = *s.Content
	}
	m, f := parseContent(content)
	if f != nil {
		c.fail(http.StatusBadRequest, f)
		return nil, false
	}
	return m, true
}
