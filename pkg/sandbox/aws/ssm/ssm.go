// Package ssm simulates the parameter store of SSM.
package ssm

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Parameter is a parameter of SSM.
type Parameter struct {
	Type    string // "SecureString"
	Value   string
	Tags    map[string]string
	Version int
}

// Store is SSM, as far as it keeps parameters.
type Store struct {
	mu   sync.Mutex
	rows map[string]*Parameter
}

// New makes it without any.
func New() *Store { return &Store{rows: map[string]*Parameter{}} }

// SetParameter makes a parameter exist.
func (c *Store) SetParameter(name string, p Parameter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[name] = &p
}

// DeleteParameter makes one vanish.
func (c *Store) DeleteParameter(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rows, name)
}

// Parameters are the parameters as they are.
func (c *Store) Parameters() map[string]Parameter {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]Parameter{}
	for name, p := range c.rows {
		copied := *p
		copied.Tags = maps.Clone(p.Tags)
		all[name] = copied
	}
	return all
}

// In are the tags of all parameters of a region, by ARN.
func (c *Store) In(region, account string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, p := range c.Parameters() {
		all["arn:aws:ssm:"+region+":"+account+":parameter"+name] = p.Tags
	}
	return all
}

// ssmRequest holds what the requests that are served may hold.
type ssmRequest struct {
	Name, Value, Type, Tier, Path, NextToken, ResourceId string
	Overwrite                                            bool
	Names                                                []string
	Tags                                                 []wire.Tag
}

// NamesOf are the names in a call, some of them empty, and whether it has tags.
func NamesOf(in *wire.Call) (names []string, tagged bool) {
	var q ssmRequest
	_ = json.Unmarshal(in.Body, &q) // else the service refuses it
	return append(q.Names, q.Name, q.Path, q.ResourceId), len(q.Tags) > 0
}

// ServeSSM follows the AWS Systems Manager API reference, for parameters.
func (c *Store) ServeSSM(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.JSON11}
	var q ssmRequest
	if err := json.Unmarshal(in.Body, &q); err != nil {
		s.Refuse(w, r, wire.NewRefusal(400, "SerializationException", "the request is not a JSON object"))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.rows[q.Name]
	if q.ResourceId != "" {
		found = c.rows[q.ResourceId]
	}
	switch in.Action {
	case "GetParameter":
		if found == nil {
			s.Refuse(w, r, wire.NewRefusal(400, "ParameterNotFound", ""))
			return
		}
		wire.WriteJSON(w, map[string]any{"Parameter": map[string]any{"Name": q.Name, "Type": found.Type, "Value": found.Value, "Version": found.Version}})
	case "PutParameter":
		if refused := c.putParameter(q, found); refused != nil {
			s.Refuse(w, r, refused)
			return
		}
		wire.WriteJSON(w, map[string]any{"Version": c.rows[q.Name].Version, "Tier": "Standard"})
	case "GetParametersByPath":
		c.parametersByPath(w, q)
	case "DeleteParameters":
		deleted := []string{}
		for _, name := range q.Names {
			if c.rows[name] != nil {
				delete(c.rows, name)
				deleted = append(deleted, name)
			}
		}
		wire.WriteJSON(w, map[string]any{"DeletedParameters": deleted})
	case "ListTagsForResource", "AddTagsToResource":
		c.parameterTags(w, r, in.Action, q, found)
	default:
		s.Refuse(w, r, wire.NewRefusal(400, "UnknownOperationException", in.Action))
	}
}

// putParameter writes one, or says why not.
func (c *Store) putParameter(q ssmRequest, found *Parameter) *wire.Refusal {
	switch {
	case found != nil && !q.Overwrite:
		return wire.NewRefusal(400, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case q.Overwrite && len(q.Tags) > 0:
		return wire.NewRefusal(400, "ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	case q.Value == "" || len(q.Value) > 8192 || len(q.Value) > 4096 && q.Tier != "Advanced" && q.Tier != "Intelligent-Tiering":
		return wire.NewRefusal(400, "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters.")
	case len(q.Names) > 10:
		return wire.NewRefusal(400, "ValidationException", "Member must have length less than or equal to 10")
	}
	if found == nil {
		found = &Parameter{Tags: map[string]string{}}
		c.rows[q.Name] = found
	}
	found.Type, found.Value = q.Type, q.Value
	found.Version++
	for _, tag := range q.Tags {
		found.Tags[tag.Key] = tag.Value
	}
	return nil
}

// parametersByPath lists them, in pages of ten.
func (c *Store) parametersByPath(w http.ResponseWriter, q ssmRequest) {
	all := []any{}
	for _, name := range wire.Sorted(c.rows) {
		if strings.HasPrefix(name, strings.TrimSuffix(q.Path, "/")+"/") {
			all = append(all, map[string]any{"Name": name, "Type": c.rows[name].Type})
		}
	}
	some, next := wire.Page(all, q.NextToken, 10)
	out := map[string]any{"Parameters": some}
	if next != "" {
		out["NextToken"] = next
	}
	wire.WriteJSON(w, out)
}

// parameterTags reads or adds tags.
func (c *Store) parameterTags(w http.ResponseWriter, r *http.Request, action string, q ssmRequest, found *Parameter) {
	if found == nil {
		wire.Service{Protocol: wire.JSON11}.Refuse(w, r, wire.NewRefusal(400, "InvalidResourceId", "The resource ID is not valid."))
		return
	}
	if action == "AddTagsToResource" {
		if found.Tags == nil {
			found.Tags = map[string]string{}
		}
		for _, tag := range q.Tags {
			found.Tags[tag.Key] = tag.Value
		}
		wire.WriteJSON(w, struct{}{})
		return
	}
	tags := []wire.Tag{}
	for _, key := range wire.Sorted(found.Tags) {
		tags = append(tags, wire.Tag{Key: key, Value: found.Tags[key]})
	}
	wire.WriteJSON(w, map[string]any{"TagList": tags})
}
