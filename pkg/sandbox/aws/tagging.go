package aws

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// SetTags gives a resource tags, as another service does; nil: it is gone.
func (c *Cloud) SetTags(arn string, tags map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tags == nil {
		delete(c.tagged, arn)
		return
	}
	c.tagged[arn] = maps.Clone(tags)
}

// serveTagging answers GetResources of the Resource Groups Tagging API, in
// pages of three where the real ones have fifty or more.
func (c *Cloud) serveTagging(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.JSON11}
	var q struct {
		PaginationToken string
		TagFilters      []struct {
			Key    string
			Values []string
		}
	}
	if in.Action != "GetResources" || json.Unmarshal(in.Body, &q) != nil {
		s.Refuse(w, r, wire.NewRefusal(400, "InvalidParameterException", in.Action))
		return
	}
	all, tagged := []any{}, c.allTagged(in.Region)
	for _, arn := range wire.Sorted(tagged) {
		wanted := true
		for _, f := range q.TagFilters {
			value, ok := tagged[arn][f.Key]
			wanted = wanted && ok && (len(f.Values) == 0 || slices.Contains(f.Values, value))
		}
		if wanted {
			all = append(all, map[string]any{"ResourceARN": arn})
		}
	}
	from, _ := strconv.Atoi(q.PaginationToken)
	some, next := wire.Page(all, strconv.Itoa(from), 3)
	wire.WriteJSON(w, map[string]any{"ResourceTagMappingList": some, "PaginationToken": next})
}

// allTagged are the tags of everything in a region, by ARN.
func (c *Cloud) allTagged(region string) map[string]map[string]string {
	c.mu.Lock()
	all := maps.Clone(c.tagged)
	c.mu.Unlock()
	maps.Copy(all, c.buckets.In(region, c.options.Account))
	maps.Copy(all, c.parameters.In(region, c.options.Account))
	return all
}
