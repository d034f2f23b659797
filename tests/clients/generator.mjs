// Requests made at random from a schema, the same for the same seed: documents
// that are mostly valid, with a fault here and there, and variables for them.
import { getNamedType, getNullableType, isEnumType, isInputObjectType, isInterfaceType, isLeafType, isListType, isNonNullType, isUnionType } from 'graphql';

// A linear congruential generator is random enough, and the same everywhere.
function random(seed) {
  let state = BigInt(seed);
  const next = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 33n) / 2 ** 31;
  };
  for (let i = 0; i < 3; i++) next();
  return {
    chance: (p) => next() < p,
    below: (n) => Math.floor(next() * n),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

export function generator(schema, seed) {
  return new Generator(schema, random(seed)).request();
}

class Generator {
  constructor(schema, r) {
    Object.assign(this, { schema, r, variables: [], fragments: [], aliases: 0, fields: 0 });
    // Most requests have one fault or none, so that each is seen by itself.
    this.rate = r.pick([0, 0, 0.01, 0.04, 0.15]);
  }

  fault() {
    return this.r.chance(this.rate);
  }

  request() {
    const { r } = this;
    const kind = r.pick(['query', 'query', 'query', 'mutation', 'mutation', 'subscription']);
    const type = { query: this.schema.getQueryType(), mutation: this.schema.getMutationType(), subscription: this.schema.getSubscriptionType() }[kind];
    const set = kind === 'query' ? this.selection(type, 3, 'root') : this.root(type, kind);
    const writes = kind === 'mutation' && this.fields === 1;
    const declared = this.variables.map((v) => v.declared).join(', ');
    const unused = this.fault() ? '$unused: Int' : '';
    const twice = this.fault() && this.variables.length > 0 ? this.variables[0].declared : '';
    const list = [declared, unused, twice].filter(Boolean).join(', ');
    const name = r.chance(0.3) ? 'Op' : '';
    let query = `${kind} ${name}${list ? `(${list})` : ''} ${this.fault() ? this.directive() : ''} ${set}`;
    for (const f of this.fragments) query += ` fragment ${f.name} on ${f.type} ${f.set}`;
    if (this.fault()) query += ' fragment Unused on Query { __typename }';
    if (this.fault()) query += ' query Other { __typename }';
    if (this.fault()) query = this.damage(query);
    const given = this.variables.filter((v) => v.json !== undefined);
    const variables = `{${given.map((v) => `${JSON.stringify(v.name)}:${v.json}`).join(',')}}`;
    const operationName = name && r.chance(0.5) ? (this.fault() ? 'Nobody' : name) : undefined;
    const text = `{"query":${JSON.stringify(query)},"variables":${variables}${operationName ? `,"operationName":"${operationName}"` : ''}}`;
    return { text, query, variables: JSON.parse(variables), operationName, writes };
  }

  // damage changes the text of a document.
  damage(query) {
    const { r } = this;
    const at = r.below(query.length);
    return r.pick([
      () => query.slice(0, at) + query.slice(at + 1),
      () => query.slice(0, at) + r.pick(['{', '}', '(', ')', '"', ':', '$', '!', '@', '...', '\u0007', '#', '&', '\ufeff', '\u00e4', '0', '-', '.', 'x']) + query.slice(at),
      () => query.replace(/(\d) ?,/, '$1'),
      () => query.replace(/"([a-z]*)"/, r.pick(['"$1\\uD83D"', '"\\uDE00$1"', '"\\uD83D\\uDE00"', '"\\u{1F600}"', '"\\u{D800}"', '"\\x"', '"""$1"""', '"$1\t"', "'$1'", '"a\nb"', '"a\u0000b"'])),
      () => query.replace(/(: ?\d+)/, r.pick(['$1x', '$1.', '$1.5', '$1e', '$1e3', '$1_', '0$1', '-$1'])),
    ])();
  }

  // root is the selection of a mutation or a subscription: mostly one field.
  root(type, kind) {
    const { r } = this;
    const fields = Object.values(type.getFields());
    const picked = [r.pick(fields)];
    while (kind === 'mutation' ? r.chance(0.3) : this.fault()) picked.push(r.pick(fields));
    const parts = picked.map((f) => this.field(type, f, 1));
    this.fields = picked.length;
    if (this.fault()) parts.push('__typename');
    const set = `{ ${parts.join(' ')} }`;
    if (!this.fault()) return set;
    this.fields = 2;
    return r.pick([`{ ... ${this.directive()} ${set} }`, `{ ...${this.fragment(type.name, set)} }`, `{ __typename ${set.slice(1)}`]);
  }

  selection(type, depth, root) {
    const { r } = this;
    if (isUnionType(type) || isInterfaceType(type)) {
      const some = r.pick(this.schema.getPossibleTypes(type));
      return `{ __typename ... on ${some.name} ${this.selection(some, depth - 1)} }`;
    }
    const fields = Object.values(type.getFields()).filter((f) => depth > 0 || isLeafType(getNamedType(f.type)));
    if (fields.length === 0) return '{ __typename }';
    const parts = [];
    for (let i = 0, n = 1 + r.below(root ? 2 : 3); i < n; i++) parts.push(this.field(type, r.pick(fields), depth));
    if (r.chance(0.15)) parts.push(`... ${r.chance(0.5) ? `on ${type.name}` : ''} ${this.directives(0.3)} { __typename }`);
    if (r.chance(0.1)) parts.push(`...${this.fragment(type.name, this.selection(type, depth - 1))} ${this.directives(0.3)}`);
    if (this.fault()) parts.push(r.pick(['nothing', '...Nowhere', '... on Nothing { x }', '... on DateFilter { on }', '... on String { x }', '... on Variant { id }', '__schema', '__typename(a: 1)', '__typename { x }']));
    return `{ ${parts.join(' ')} }`;
  }

  fragment(type, set) {
    const name = `F${this.fragments.length}`;
    if (this.fault()) set = `{ ...${name} ${set.slice(1)}`;
    this.fragments.push({ name, type, set });
    return name;
  }

  field(parent, field, depth) {
    const { r } = this;
    const args = [];
    for (const a of field.args) {
      const needed = isNonNullType(a.type) && a.defaultValue === undefined;
      if (needed ? !this.fault() : r.chance(0.25)) args.push(`${a.name}: ${this.value(a.type)}`);
    }
    if (this.fault()) args.push('nothing: 1');
    if (this.fault() && args.length > 0) args.push(args[0]);
    const type = getNamedType(field.type);
    let set = isLeafType(type) ? '' : this.selection(type, depth - 1);
    if (this.fault()) set = set ? '' : '{ x }';
    // An alias of its own, since fields of one name with other arguments conflict.
    const alias = this.fault() ? 'same: ' : field.args.length > 0 || r.chance(0.1) ? `a${this.aliases++}: ` : '';
    const subscribed = parent === this.schema.getSubscriptionType() && !this.fault();
    return `${alias}${field.name}${args.length ? `(${args.join(', ')})` : ''} ${subscribed ? '' : this.directives(0.08)} ${set}`;
  }

  directives(p) {
    if (!this.r.chance(p)) return '';
    const one = this.directive();
    return this.fault() ? `${one} ${one}` : one;
  }

  directive() {
    const condition = this.schema.getDirective('skip').args[0].type;
    if (this.fault()) return this.r.pick(['@nothing', '@skip', '@skip(if: true, x: 1)', '@deprecated', '@include(unless: true)', '@oneOf']);
    return `@${this.r.pick(['skip', 'include'])}(if: ${this.value(condition)})`;
  }

  // value writes a value of a type into the document: a literal or a variable.
  value(type) {
    if (this.r.chance(0.35)) return this.variable(type);
    if (isNonNullType(type)) return this.fault() ? 'null' : this.literal(type.ofType);
    return this.r.chance(0.1) ? 'null' : this.literal(type);
  }

  variable(type) {
    const { r } = this;
    let declared = type;
    let text = String(type);
    if (isNonNullType(type) && r.chance(0.3)) text = String((declared = type.ofType)); // needs a default
    else if (!isNonNullType(type) && r.chance(0.3)) text += '!';
    if (this.fault()) text = r.pick(['Int', 'String', 'ID!', '[ID]', 'DateFilter', 'Boolean', 'Patient', 'Nothing', `[${text}]`]);
    let byDefault = '';
    const needed = isNonNullType(type) && declared !== type;
    if (needed ? !this.fault() : r.chance(0.2)) byDefault = ` = ${this.constant(declared)}`;
    const name = `v${this.variables.length}`;
    const v = { name, declared: `$${name}: ${text}${byDefault}` };
    this.variables.push(v);
    if (byDefault && r.chance(0.5)) return `$${name}`;
    if (!text.endsWith('!') && r.chance(0.2)) v.json = r.chance(0.5) ? 'null' : undefined;
    else if (this.fault()) v.json = r.chance(0.5) ? 'null' : undefined;
    else v.json = this.json(getNullableType(type));
    return this.fault() ? '$undefined' : `$${name}`;
  }

  // constant is a literal without variables.
  constant(type) {
    const { chance } = this.r;
    this.r.chance = (p) => (p === 0.35 ? false : chance(p));
    const text = this.value(type);
    this.r.chance = chance;
    return text;
  }

  literal(type) {
    const { r } = this;
    if (this.fault()) return r.pick(['"text"', '7', '1.5', 'true', 'NAME', '{}', '{a: 1}', '[]', '["a", "b"]', '2147483648', '-2147483649', '[[1]]', '""']);
    if (isNonNullType(type)) return this.fault() ? 'null' : this.literal(type.ofType);
    if (isListType(type)) return r.chance(0.3) ? this.literal(type.ofType) : `[${Array.from({ length: r.below(3) }, () => this.value(type.ofType)).join(', ')}]`;
    if (isInputObjectType(type)) return `{${this.properties(type, (t) => this.value(t), (name, v) => `${name}: ${v}`).join(', ')}}`;
    if (isEnumType(type)) return this.enum(type);
    return this.leaf(type, true);
  }

  // json is a value of a type for a variable.
  json(type) {
    const { r } = this;
    if (this.fault()) return r.pick(['"text"', '"7"', '7', '1.5', '-0', 'true', '"true"', '{}', '{"a":1}', '[]', '["a","b"]', '2147483648', '1.0', '[[1]]', '""', '[null]']);
    if (isNonNullType(type)) return this.fault() ? 'null' : this.json(type.ofType);
    if (r.chance(0.08)) return 'null';
    if (isListType(type)) return r.chance(0.3) ? this.json(getNullableType(type.ofType)) : `[${Array.from({ length: r.below(3) }, () => this.json(type.ofType)).join(',')}]`;
    if (isInputObjectType(type)) return `{${this.properties(type, (t) => this.json(t), (name, v) => `${JSON.stringify(name)}:${v}`).join(',')}}`;
    if (isEnumType(type)) return JSON.stringify(this.fault() ? this.enum(type).toLowerCase() : this.enum(type));
    return this.leaf(type, false);
  }

  properties(type, value, write) {
    const { r } = this;
    const fields = Object.values(type.getFields());
    const some = type.isOneOf && !this.fault() ? [r.pick(fields)] : fields;
    const parts = [];
    for (const f of some) {
      if (f.name === 'idempotencyKey') continue; // travels as a header
      const needed = isNonNullType(f.type) || type.isOneOf;
      const of = type.isOneOf && !this.fault() ? getNullableType(f.type) : f.type;
      if (needed ? !this.fault() : r.chance(0.4)) parts.push(write(f.name, type.isOneOf ? this.notNull(of, value, write) : value(of)));
    }
    if (this.fault()) parts.push(write('nothing', '1'));
    return parts;
  }

  // notNull is a value for a field of a oneOf.
  notNull(type, value, write) {
    return write('a', '1').startsWith('"') ? this.json(type) : this.literal(type);
  }

  enum(type) {
    return this.r.pick(type.getValues().filter((v) => v.name !== 'UNKNOWN')).name;
  }

  leaf(type, literal) {
    const { r } = this;
    switch (type.name) {
      case 'Int':
        return r.pick(['1', '2', '30', '-5', '0', '2147483647']);
      case 'Float':
        return r.pick(['1', '1.5', '-2e3']);
      case 'Boolean':
        return r.pick(['true', 'false']);
      case 'ID':
        return r.pick(['"e1"', '"e2"', '7', literal ? '99999999999999999999' : '8', '"b1d36490-f250-49a7-8707-2133a9eaceab"']);
      case 'Date':
        return r.pick(['"2000-01-31"', '"1980-12-31"', this.fault() ? '"31/12/2000"' : '"2024-02-29"']);
      case 'Decimal':
        return r.pick(['"24.50"', '5', '12.75', this.fault() ? '"a lot"' : '"0"']);
      case 'EmailAddress':
        return '"someone@example.org"';
      default:
        return r.pick(['"text"', '"with \\"quotes\\""', literal ? '"""block"""' : '"plain"', '"\\u00e4\\uD83D\\uDE00"']);
    }
  }
}

