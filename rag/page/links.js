// Runs once for each list of cards. A click on a card, or on a link to a place in the messages of
// the element LINKS_OF, hands the place to Python, with the other places shown beside it.
const refs = (box) =>
  [...box.querySelectorAll('.rag-card, a.rag-ref')].map((e) => e.dataset.ref || e.getAttribute('href'));
const open = (target, box) => {
  window.ragOpener = target;
  trigger('click', {ref: target.dataset.ref || target.getAttribute('href'), also: refs(box)});
};
element.addEventListener('click', (event) => {
  const card = event.target.closest('.rag-card');
  if (card) open(card, element);
});
const links = 'LINKS_OF';
if (links) {
  document.addEventListener('click', (event) => {
    const link = event.target.closest(`#${links} a.rag-ref`);
    if (!link) return;
    event.preventDefault();
    open(link, link.closest('.message-content') || link.parentElement);
  });
}
// The chat's copy button copies a message as it is stored, which is HTML: give its words instead.
if (navigator.clipboard && !window.ragCopies) {
  window.ragCopies = true;
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  const words = (text) => {
    if (!text.startsWith('<p class="rag-')) return text;
    const read = new DOMParser().parseFromString(text, 'text/html');
    return [...read.querySelectorAll('p')].map((p) => p.textContent).join('\n\n');
  };
  navigator.clipboard.writeText = (text) => write(words(text));
}
// Some of Gradio's buttons are drawings without a name.
if (links) {
  const names = {
    '#rag-question .submit-button': 'Ask',
    '#rag-question .stop-button': 'Stop',
    '#rag-settings .calendar': 'Choose a day',
  };
  const name = () => {
    for (const [kind, words] of Object.entries(names)) {
      for (const button of document.querySelectorAll(`${kind}:not([aria-label])`)) {
        button.setAttribute('aria-label', words);
      }
    }
  };
  name();
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}
