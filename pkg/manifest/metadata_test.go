package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVMs_giveTheirKeysToNoContainer: of every VM, of the director's and of those that it
// makes, the metadata service answers tokens alone, and one hop away, where no container
// is. Nothing in the cloud config takes that back.
func TestVMs_giveTheirKeysToNoContainer(t *testing.T) {
	want := any(object{"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1})
	for title, in := range inputs(t) {
		director := decoded(t, render(t, "director", in))
		var found []any
		var walk func(node any)
		walk = func(node any) {
			switch node := node.(type) {
			case object:
				if options, there := node["metadata_options"]; there {
					found = append(found, options)
				}
				for _, inner := range node {
					walk(inner)
				}
			case []any:
				for _, inner := range node {
					walk(inner)
				}
			}
		}
		pool := director["resource_pools"].([]any)[0].(object)["cloud_properties"].(object)
		if diff := cmp.Diff(want, pool["metadata_options"]); diff != "" {
			t.Errorf("%s: of the director's VM (-want +got):\n%s", title, diff)
		}
		walk(director["instance_groups"])
		if len(found) != 1 || !cmp.Equal(found[0], want) {
			t.Errorf("%s: its CPI makes VMs with %v", title, found)
		}
		found = nil
		walk(any(decoded(t, render(t, "cloud-config", in))))
		if len(found) > 0 {
			t.Errorf("%s: the cloud config has %v", title, found)
		}
	}
}
