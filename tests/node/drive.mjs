// Drives every call of the official SDK against a server. Only `fetch` knows that it is not the real service.
import assert from 'node:assert/strict';
import { contacts, extendedFields, labels } from '@wix/crm';
import { ApiKeyStrategy, createClient } from '@wix/sdk';

const BASE = process.env.BASE_URL;
const apiKey = process.env.API_KEY;
const seen = [];
const wix = createClient({
  auth: ApiKeyStrategy({ apiKey, siteId: 'a-site' }),
  modules: { contacts, labels, extendedFields },
  fetch: (url, init) => {
    seen.push(init.headers?.['X-Wix-Consistent'] ?? init.headers?.['x-wix-consistent'] ?? null);
    return fetch(String(url).replace('https://www.wixapis.com', BASE), init);
  },
});

async function refused(code, status, call) {
  const error = await call.then(() => assert.fail(`${code} expected`), (thrown) => thrown);
  assert.equal(error.details?.applicationError?.code, code, error.message);
  const told = JSON.parse(error.message);
  assert.ok(error.requestId ?? told.requestId ?? error.response?.headers, 'a request id');
  return error.details.applicationError.data;
}

const sorted = (items) => [...items].sort();
const driven = [];
const part = async (name, work) => {
  await work();
  driven.push(name);
};

let vip, friend, nickname, size, ada, byron, charles;

await part('labels', async () => {
  const made = await wix.labels.findOrCreateLabel('VIP guest');
  assert.equal(made.newLabel, true);
  vip = made.label;
  assert.deepEqual([vip.key, vip.displayName, vip.namespace, vip.labelType], ['custom.vip-guest', 'VIP guest', 'custom', 'USER_DEFINED']);
  assert.ok(vip._createdDate instanceof Date);
  assert.equal((await wix.labels.findOrCreateLabel('VIP guest')).newLabel, false);
  friend = (await wix.labels.findOrCreateLabel('Friend')).label;
  const passing = (await wix.labels.findOrCreateLabel('Passing')).label;
  assert.equal((await wix.labels.getLabel(vip.key)).displayName, 'VIP guest');
  assert.equal((await wix.labels.renameLabel(vip.key, { displayName: 'Guest of honour' })).displayName, 'Guest of honour');
  const listed = await wix.labels.listLabels({ labelType: 'USER_DEFINED', namespace: 'custom', sort: { fieldName: 'displayName', order: 'DESC' }, paging: { limit: 2, offset: 1 } });
  assert.deepEqual(listed.labels.map((one) => one.displayName), ['Guest of honour', 'Friend']);
  assert.deepEqual([listed.metadata.count, listed.metadata.total], [2, 3]);
  assert.equal((await wix.labels.listLabels({ startsWith: 'Fri' })).labels.length, 1);
  await wix.labels.deleteLabel(passing.key);
  const found = await wix.labels.queryLabels().ascending('displayName').find();
  assert.deepEqual(found.items.map((one) => one.displayName), ['Friend', 'Guest of honour']);
  assert.equal(found.totalCount, 2);
  await refused('NOT_FOUND', 404, wix.labels.getLabel('custom.nothing'));
});

await part('extended fields', async () => {
  const made = await wix.extendedFields.findOrCreateExtendedField('Nickname', 'TEXT');
  assert.equal(made.newField, true);
  nickname = made.field;
  assert.deepEqual([nickname.key, nickname.dataType, nickname.fieldType], ['custom.nickname', 'TEXT', 'USER_DEFINED']);
  size = (await wix.extendedFields.findOrCreateExtendedField('Shoe size', 'NUMBER')).field;
  const passing = (await wix.extendedFields.findOrCreateExtendedField('Passing', 'DATE')).field;
  assert.equal((await wix.extendedFields.findOrCreateExtendedField('Shoe size', 'TEXT')).newField, false);
  assert.equal((await wix.extendedFields.getExtendedField(size.key)).dataType, 'NUMBER');
  assert.equal((await wix.extendedFields.renameExtendedField(nickname.key, { displayName: 'Nick' })).displayName, 'Nick');
  assert.equal((await wix.extendedFields.listExtendedFields({ fieldType: 'USER_DEFINED', namespace: 'custom', paging: { limit: 100, offset: 0 } })).fields.length, 3);
  await wix.extendedFields.deleteExtendedField(passing.key);
  const found = await wix.extendedFields.queryExtendedFields().eq('displayName', 'Nick').find();
  assert.deepEqual(found.items.map((one) => one.key), [nickname.key]);
});

await part('create and get', async () => {
  const { contact } = await wix.contacts.createContact({
    name: { first: 'Ada', last: 'Lovelace' },
    emails: { items: [{ tag: 'MAIN', email: 'ada@engines.example', primary: true }, { email: 'ada@home.example' }] },
    phones: { items: [{ tag: 'MOBILE', countryCode: 'US', phone: '(212) 555-0123' }] },
    addresses: { items: [{ tag: 'HOME', address: { city: 'New York', subdivision: 'US-NY', country: 'US', postalCode: '10118', addressLine1: '350 Fifth Avenue', addressLine2: 'Fl 2' } }] },
    company: 'Analytical Engines',
    jobTitle: 'Countess',
    birthdate: '1815-12-10',
    locale: 'en-US',
    labelKeys: { items: [vip.key] },
    extendedFields: { items: { [nickname.key]: 'A.', [size.key]: 38.5 } },
  });
  ada = contact;
  assert.ok(ada._createdDate instanceof Date && ada._updatedDate instanceof Date);
  assert.equal(ada.revision, 1);
  assert.deepEqual(ada.primaryInfo, { email: 'ada@engines.example', phone: '(212) 555-0123' });
  assert.equal(ada.primaryEmail.subscriptionStatus, 'NOT_SET');
  assert.equal(ada.info.phones.items[0].e164Phone, '+12125550123');
  assert.ok(ada.info.phones.items[0]._id && ada.info.emails.items[0]._id && ada.info.addresses.items[0]._id);
  assert.equal(ada.info.addresses.items[0].address.addressLine1, '350 Fifth Avenue');
  assert.equal(ada.info.extendedFields.items[size.key], 38.5);
  assert.equal(ada.info.extendedFields.items['emailSubscriptions.effectiveEmail'], 'ada@engines.example');
  const again = await wix.contacts.getContact(ada._id);
  assert.deepEqual(again, ada);
  const part = await wix.contacts.getContact(ada._id, { fields: ['info.company'], fieldsets: ['BASIC'] });
  assert.deepEqual(sorted(Object.keys(part)), ['_id', 'info', 'primaryInfo', 'revision']);
  assert.deepEqual(sorted(Object.keys(part.info)), ['company', 'name']);
  const data = await refused('DUPLICATE_CONTACT_EXISTS', 409, wix.contacts.createContact({ emails: { items: [{ email: 'ADA@home.example' }] } }));
  assert.equal(data.duplicateContactId, ada._id);
  byron = (await wix.contacts.createContact({ name: { first: 'Byron' }, emails: { items: [{ email: 'ada@home.example' }] } }, { allowDuplicates: true })).contact;
  charles = (await wix.contacts.createContact({ name: { first: 'Charles', last: 'Babbage' } }, { allowDuplicates: false })).contact;
  await refused('INSUFFICIENT_CONTACT_DATA', 400, wix.contacts.createContact({ company: 'Nobody' }));
  await refused('CONTACT_NOT_FOUND', 404, wix.contacts.getContact('00000000-0000-0000-0000-000000000000'));
});

await part('a field that is too long is named', async () => {
  const error = await wix.contacts.createContact({ name: { first: 'A'.repeat(1001) } }).then(() => assert.fail(), (thrown) => thrown);
  const [violation] = error.details.validationError.fieldViolations;
  assert.equal(violation.violatedRule, 'MAX_LENGTH');
  assert.equal(violation.data.threshold, 1000);
});

await part('update', async () => {
  const { contact } = await wix.contacts.updateContact(charles._id, { company: 'Difference Engines', jobTitle: null }, charles.revision);
  assert.deepEqual([contact.revision, contact.info.company, contact.info.name.last], [2, 'Difference Engines', 'Babbage']);
  await refused('CONTACT_ALREADY_CHANGED', 409, wix.contacts.updateContact(charles._id, { company: 'x' }, charles.revision));
  charles = contact;
  const other = await wix.contacts.updateContact(charles._id, { emails: { items: [{ email: 'ada@home.example' }] } }, charles.revision, { allowDuplicates: true });
  charles = other.contact;
  assert.equal(charles.info.emails.items[0].primary, true);
});

await part('label and unlabel', async () => {
  const { contact } = await wix.contacts.labelContact(charles._id, [vip.key, friend.key]);
  assert.deepEqual(contact.info.labelKeys.items, [vip.key, friend.key]);
  const less = await wix.contacts.unlabelContact(charles._id, [vip.key]);
  assert.deepEqual(less.contact.info.labelKeys.items, [friend.key]);
  charles = less.contact;
});

await part('list and query', async () => {
  const listed = await wix.contacts.listContacts({ sort: { fieldName: 'createdDate', order: 'ASC' }, paging: { limit: 2, offset: 2 }, fieldsets: ['BASIC'] });
  assert.deepEqual(listed.contacts.map((one) => one.info.name.first), ['Byron', 'Charles']);
  assert.deepEqual([listed.pagingMetadata.count, listed.pagingMetadata.offset, listed.pagingMetadata.total], [2, 2, 4]);
  const found = await wix.contacts.queryContacts().eq('info.emails.email', 'ADA@engines.example').find();
  assert.deepEqual(found.items.map((one) => one._id), [ada._id]);
  const many = await wix.contacts
    .queryContacts()
    .eq('_id', ada._id)
    .ne('info.company', 'X')
    .in('primaryInfo.email', ['ada@engines.example'])
    .startsWith('info.name.first', 'a')
    .exists('primaryInfo.phone', true)
    .hasSome('info.labelKeys', [vip.key])
    .hasAll('info.labelKeys', [vip.key])
    .ge('_createdDate', new Date(Date.now() - 3600e3))
    .lt('_updatedDate', new Date(Date.now() + 3600e3))
    .descending('_createdDate')
    .limit(10)
    .find();
  assert.deepEqual(many.items.map((one) => one._id), [ada._id]);
  let page = await wix.contacts.queryContacts().ascending('_createdDate').limit(2).find();
  const ids = page.items.map((one) => one._id);
  assert.ok(page.hasNext());
  page = await page.next();
  assert.deepEqual([...ids, ...page.items.map((one) => one._id)], ['a-member', ada._id, byron._id, charles._id]);
  assert.equal(page.totalCount, 4);
  const typed = await wix.contacts.queryContacts({ filter: { 'info.name.last': 'Babbage' }, paging: { limit: 1 } });
  assert.deepEqual([typed.contacts.length, typed.pagingMetadata.total], [1, 1]);
});

await part('preview, merge, and the merged id', async () => {
  const preview = await wix.contacts.previewMergeContacts(ada._id, { sourceContactIds: [charles._id] });
  const { contact } = await wix.contacts.mergeContacts(ada._id, ada.revision, { sourceContactIds: [charles._id, byron._id] });
  assert.deepEqual(preview.contact.info.labelKeys, contact.info.labelKeys);
  assert.deepEqual([contact._id, contact.revision, contact.info.company], [ada._id, 2, 'Analytical Engines']);
  assert.deepEqual(contact.info.emails.items.map((one) => one.email), ['ada@engines.example', 'ada@home.example']);
  assert.deepEqual(contact.info.labelKeys.items, [vip.key, friend.key]);
  assert.equal((await wix.contacts.getContact(charles._id))._id, ada._id);
  await refused('ILLEGAL_MERGE', 400, wix.contacts.mergeContacts(ada._id, 2, { sourceContactIds: [ada._id] }));
  await refused('FAILED_PRECONDITION', 428, wix.contacts.mergeContacts(ada._id, 2, { sourceContactIds: ['a-member'] }));
  await refused('CANNOT_DELETE_MEMBER', 428, wix.contacts.deleteContact('a-member'));
});

await part('bulk', async () => {
  const made = [];
  for (const first of ['One', 'Two', 'Three']) made.push((await wix.contacts.createContact({ name: { first, last: 'Smith' } })).contact._id);
  const labelled = await wix.contacts.bulkLabelAndUnlabelContacts({ filter: { 'info.name.last': 'Smith' }, labelKeysToAdd: [friend.key], labelKeysToRemove: [vip.key] });
  assert.ok(labelled.jobId);
  const updated = await wix.contacts.bulkUpdateContacts({ filter: { _id: { $in: made.slice(0, 2) } }, info: { company: 'Smithy' } });
  assert.ok(updated.jobId);
  const found = await wix.contacts.queryContacts().eq('info.company', 'Smithy').find();
  assert.deepEqual(sorted(found.items.map((one) => one._id)), sorted(made.slice(0, 2)));
  assert.deepEqual(found.items[0].info.labelKeys.items, [friend.key]);
  await wix.contacts.bulkDeleteContacts({ filter: { 'info.name.last': 'Smith' } });
  assert.equal((await wix.contacts.queryContacts().find()).items.length, 2);
  await refused('NEITHER_FILTER_NOR_SEARCH', 400, wix.contacts.bulkDeleteContacts({}));
});

await part('delete', async () => {
  await wix.contacts.deleteContact(ada._id);
  await refused('CONTACT_NOT_FOUND', 404, wix.contacts.getContact(ada._id));
});

await part('a wrong key', async () => {
  const stranger = createClient({
    auth: ApiKeyStrategy({ apiKey: 'wrong', siteId: 'a-site' }),
    modules: { contacts },
    fetch: (url, init) => fetch(String(url).replace('https://www.wixapis.com', BASE), init),
  });
  await refused('UNAUTHENTICATED', 401, stranger.contacts.getContact(ada._id));
});

await part('the state token is sent back', async () => {
  assert.ok(seen.slice(1).every((token) => token !== null && token !== undefined), 'X-Wix-Consistent on every later call');
});

console.log(JSON.stringify(driven));
