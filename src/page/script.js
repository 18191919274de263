// SPDX-License-Identifier: MIT
// What the page can do without, but not as well: copying, a file to download, ages that keep up with the clock.
'use strict';

const announce = (words) => {
  document.getElementById('announcement').textContent = words;
};

const textOf = (id) => {
  const element = document.getElementById(id);
  return 'value' in element ? element.value : element.textContent;
};

// Selected, so that a browser that refuses the clipboard leaves only Ctrl-C to do.
const select = (id) => {
  const element = document.getElementById(id);
  if ('select' in element) {
    element.focus();
    element.select();
  } else {
    getSelection().selectAllChildren(element);
  }
};

const copy = async (button) => {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(textOf(button.dataset.copy));
    button.textContent = 'Copied';
    announce(button.dataset.copied);
  } catch {
    select(button.dataset.copy);
    announce('The browser refused to copy. The text is selected: press Ctrl and C.');
  }
  setTimeout(() => { button.textContent = words; }, 2000);
};

// A blob URL contains no token, so the list of downloads shows none.
const download = (button) => {
  const address = URL.createObjectURL(new Blob([textOf(button.dataset.download) + '\n'], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = button.dataset.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  announce('Token file downloaded');
};

const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

const ageOf = (when) => {
  const age = Math.floor((Date.now() - when) / 1000);
  if (age < 10) return 'just now';
  const [name, seconds] = units.find(([, size]) => age >= size);
  const count = Math.floor(age / seconds);
  return `${count} ${name}${count === 1 ? '' : 's'} ago`;
};

const updateAges = () => {
  for (const time of document.querySelectorAll('time')) {
    const age = time.querySelector('.age');
    if (age) age.textContent = ageOf(Date.parse(time.dateTime));
  }
};

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', () => copy(button));
}
for (const button of document.querySelectorAll('[data-download]')) {
  button.hidden = false;
  button.addEventListener('click', () => download(button));
}
for (const form of document.forms) {
  form.addEventListener('submit', () => setTimeout(() => { form.querySelector('button').disabled = true; }));
}
setInterval(updateAges, 10000);

// Some browsers keep a page that is not to be stored for the way back. A token is shown once.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
addEventListener('pagehide', () => { document.getElementById('token')?.remove(); });
