package stack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
)

// forbidden says why the caller of an operation may not do what a task is for; "" if it
// may.
func (s *Engine) forbidden(st *Stack, t *Task) string {
	judge := st.Operation.Judge
	if judge == nil {
		return ""
	}
	l := cmp.Or(t.old, st.Live[t.ID])
	was, to := l, (*resource.Live)(nil)
	var fresh *resource.Live
	if t.Action == "CREATE" || t.Action == "UPDATE" {
		var err error
		if fresh, err = s.foreseen(st, t.ID); err != nil {
			return "" // which carryOut will say
		}
		to = fresh
		if l == nil || resource.Replacement(fresh.Type, l.Differ(fresh.Properties, fresh.Metadata)) == "True" {
			l, was = fresh, nil
		}
	} else if t.Action == "REVERT" {
		to = st.Operation.Before.Live[t.ID]
	}
	if l == nil || t.Action == "DELETE" && (l.Policy == "Retain" || slices.Contains(st.Operation.Retain, t.ID)) {
		return ""
	}
	return s.Rights.Forbidden(judge, handler.Deed{Resource: l, Was: was, To: to, Action: t.Action, Making: l == fresh})
}

// foreseen is a resource before it is made, as far as its calls need it.
func (s *Engine) foreseen(st *Stack, id string) (*resource.Live, error) {
	r := st.Template.Resources[id]
	sc := s.scope(st, st.Wanted, st.Live, nil)
	properties, err := sc.Value(map[string]any(r.Properties))
	if err != nil {
		return nil, err
	}
	metadata, err := sc.Value(map[string]any(r.Metadata))
	if err != nil {
		return nil, err
	}
	l := &resource.Live{LogicalID: id, Type: r.Type, Properties: properties.(map[string]any), Metadata: metadata.(map[string]any), Attributes: map[string]string{}, PhysicalID: st.Name + "-" + id + "-0123456789AB"}
	l.Tags = l.AllTags(st.Tags)
	if l.Type == resource.DatabaseType || l.Type == "AWS::RDS::DBSubnetGroup" {
		l.PhysicalID = strings.ToLower(l.PhysicalID)
	}
	if l.Type == "AWS::EC2::KeyPair" {
		l.PhysicalID = fmt.Sprint(l.Properties["KeyName"])
	}
	if l.Type == "AWS::IAM::OIDCProvider" {
		l.PhysicalID = "oidc-provider/" + strings.TrimPrefix(fmt.Sprint(l.Properties["Url"]), "https://")
	}
	return l, nil
}
