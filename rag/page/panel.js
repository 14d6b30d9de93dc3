// Runs once for each article panel: scroll to the mark, take the focus, give it back on closing.
watch('value', () => {
  requestAnimationFrame(() => {
    const box = element.querySelector('.rag-text');
    const mark = element.querySelector('.rag-mark');
    if (!box || !mark) return;
    box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
    box.focus({preventScroll: true});
    element.scrollIntoView({block: 'nearest', behavior: 'auto'});
  });
});
const close = () => {
  props.value = '';
  if (window.ragOpener && window.ragOpener.isConnected) window.ragOpener.focus();
};
element.addEventListener('click', (event) => {
  if (event.target.closest('.rag-close')) close();
});
element.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') close();
});
